// Deliberate faults, for the tests of the tests: `if (mutant("views.no_fencing")) ...` is the fault
// that a check must find. Constant false, and so no code at all, unless the source is compiled with
// CALBOX_MUTANTS; then it looks into one set for the whole process, which only set_mutant changes.
// No installed program or plugin is compiled so. Not synchronised: set before the code runs that
// asks.
#pragma once

#include <string_view>

namespace calbox {

/// Switches one fault on or off. Exported by libcalbox in every build.
void set_mutant(std::string_view name, bool on = true);
/// Switches all off.
void clear_mutants() noexcept;
bool mutant_is_set(std::string_view name) noexcept;
/// Whether this libcalbox has faults in it at all.
bool has_mutants() noexcept;

#ifdef CALBOX_MUTANTS
inline namespace with_mutants {
inline bool mutant(std::string_view name) noexcept { return mutant_is_set(name); }
}  // namespace with_mutants
#else
inline namespace without_mutants {
constexpr bool mutant(std::string_view) noexcept { return false; }
}  // namespace without_mutants
#endif

}  // namespace calbox
