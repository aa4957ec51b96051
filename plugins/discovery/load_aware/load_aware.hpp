// Discovery by load: edges ask five rendezvous, drawn by what was heard of their loads, and take
// the emptiest and nearest by their live offers; rendezvous move edges from the full to the empty,
// slowly and only beyond a band. Keeps no state; made and owned by the host through the plugin's
// descriptor; core thread.
#pragma once

#include <calbox/discovery.hpp>

namespace calbox::discovery {

/// Shares of the mean utilisation, in per cent; the README says how they were found.
struct load_aware_settings {
    std::uint32_t high = 110;     // above it a rendezvous sheds edges
    std::uint32_t shed_to = 103;  // down to it
    std::uint32_t hungry = 75;    // below it a rendezvous is fed by all that are above the mean
    std::uint32_t feed_to = 90;   // up to it
    std::uint32_t share = 5;      // of its edges that one sheds in a round
    std::uint32_t least = 4;      // fewer edges than that are not worth a move
    bool migrate = true;
};

class load_aware final : public strategy {
public:
    explicit load_aware(load_aware_settings with) noexcept : with_(with) {}

    std::vector<std::size_t> order(const std::vector<candidate>& candidates,
                                   context where) override;
    std::size_t choose(const std::vector<offer>& offers, context where) override;

    admission admit(const load& me, const std::vector<load>& others, context where) override;
    std::vector<migration> plan(const load& me, const std::vector<load>& others,
                                context where) override;
    std::uint32_t take(const load& me, const std::vector<load>& others, std::uint32_t asked,
                       context where) override;
    advice advise(const load& me, const std::vector<load>& others, context where) override;

private:
    load_aware_settings with_;
};

}  // namespace calbox::discovery
