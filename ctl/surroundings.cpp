#include "surroundings.hpp"

namespace calbox::ctl {

std::string default_socket(const surroundings& world) {
    const auto value = [&](const char* name) { return world.variable(name).value_or(""); };
    if (const auto named = value("CALBOX_SOCKET"); !named.empty()) {
        return named;
    }
    if (const auto runtime = value("XDG_RUNTIME_DIR"); !runtime.empty()) {
        return runtime + "/calbox/ctl.sock";
    }
    const auto data = value("XDG_DATA_HOME");
    return (data.empty() ? value("HOME") + "/.local/share" : data) + "/calbox/ctl.sock";
}

}  // namespace calbox::ctl
