#include "plugins/directories_real.hpp"

#include <algorithm>
#include <filesystem>

#include <dlfcn.h>

namespace calbox::plugins {

std::vector<std::string> plugin_directories(const std::vector<std::string>& configured) {
    namespace fs = std::filesystem;
    std::vector<fs::path> candidates(configured.begin(), configured.end());
    Dl_info library{};
    if (::dladdr(reinterpret_cast<const void*>(&plugin_directories), &library) != 0 &&
        library.dli_fname != nullptr) {
        std::error_code problem;
        const fs::path file = fs::canonical(library.dli_fname, problem);
        candidates.push_back(file.parent_path() / "calbox" / "plugins");
    }
    std::error_code problem;
    const fs::path program = fs::read_symlink("/proc/self/exe", problem);
    candidates.push_back(program.parent_path().parent_path() / "plugins");
    std::vector<std::string> found;
    for (const fs::path& candidate : candidates) {
        const fs::path real = fs::weakly_canonical(candidate, problem);
        const bool counts = found.size() < configured.size() || fs::is_directory(real, problem);
        if (counts && std::ranges::count(found, real.string()) == 0) {
            found.push_back(real.string());
        }
    }
    return found;
}

}  // namespace calbox::plugins
