// calboxctl: the command line of CalendarBox. It has no knowledge of its own: docs/api.md is all
// that it uses.
#include <exception>
#include <iostream>
#include <string>
#include <vector>

#include "context.hpp"

int main(int count, char** words) {
    try {
        const calbox::ctl::interruption interrupt;
        return calbox::ctl::run(std::vector<std::string>(words + 1, words + count),
                                calbox::ctl::real_surroundings(interrupt));
    } catch (const std::exception& problem) {
        std::cerr << "calboxctl: " << problem.what() << '\n';
        return 1;
    }
}
