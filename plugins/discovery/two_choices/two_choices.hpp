// Discovery by two choices: of two live offers, the emptier rendezvous (Mitzenmacher, "The power of
// two choices in randomized load balancing"; Envoy's least request). Keeps no state; made and owned
// by the host through the plugin's descriptor; core thread.
#pragma once

#include <calbox/discovery.hpp>

namespace calbox::discovery {

class two_choices final : public strategy {
public:
    std::vector<std::size_t> order(const std::vector<candidate>& candidates,
                                   context where) override;
    std::size_t choose(const std::vector<offer>& offers, context where) override;

    admission admit(const load& me, const std::vector<load>& others, context where) override;
};

}  // namespace calbox::discovery
