// Discovery by chance: every rendezvous that has room is as good as another (report 4.3.5, 5.8).
// Keeps no state; made and owned by the host through the plugin's descriptor; core thread.
#pragma once

#include <calbox/discovery.hpp>

namespace calbox::discovery {

/// Which of the live offers an edge takes: any, or the first that came (as JXTA did).
enum class pick { random, first };

class random_choice final : public strategy {
public:
    explicit random_choice(pick how) noexcept : how_(how) {}

    std::vector<std::size_t> order(const std::vector<candidate>& candidates,
                                   context where) override;
    std::size_t choose(const std::vector<offer>& offers, context where) override;

    admission admit(const load& me, const std::vector<load>& others, context where) override;

private:
    pick how_;
};

}  // namespace calbox::discovery
