#include <calbox/mutant.hpp>

#include <set>
#include <string>

namespace calbox {

static std::set<std::string, std::less<>>& chosen() {
    static std::set<std::string, std::less<>> names;
    return names;
}

void set_mutant(std::string_view name, bool on) {
    if (on) {
        chosen().emplace(name);
    } else if (const auto found = chosen().find(name); found != chosen().end()) {
        chosen().erase(found);
    }
}

void clear_mutants() noexcept { chosen().clear(); }

bool mutant_is_set(std::string_view name) noexcept { return chosen().contains(name); }

bool has_mutants() noexcept {
#ifdef CALBOX_MUTANTS
    return true;
#else
    return false;
#endif
}

}  // namespace calbox
