// A discovery strategy that can be exchanged while machines refer to it, and that never hands them
// an index that is not there: a plugin's mistake must not cost a lease. Owned by the node; core
// thread, and never exchanged from within a strategy.
#pragma once

#include <memory>

#include <calbox/discovery.hpp>

namespace calbox::overlay {

class strategy_switch final : public discovery::strategy {
public:
    /// `first` outlives this.
    explicit strategy_switch(discovery::strategy& first) noexcept : now_(&first) {}

    /// Shared with nobody but its library's bookkeeping; the one before ends here.
    void use(std::shared_ptr<discovery::strategy> next) noexcept {
        now_ = next.get();
        kept_ = std::move(next);
    }
    /// Back to the one that it was made with.
    void use(discovery::strategy& first) noexcept {
        now_ = &first;
        kept_.reset();
    }

    std::vector<std::size_t> order(const std::vector<discovery::candidate>& candidates,
                                   discovery::context where) override;
    std::size_t choose(const std::vector<discovery::offer>& offers,
                       discovery::context where) override;
    void learn(const device_id& rendezvous, discovery::outcome what,
               discovery::context where) override;
    discovery::admission admit(const discovery::load& me,
                               const std::vector<discovery::load>& others,
                               discovery::context where) override;
    std::vector<discovery::migration> plan(const discovery::load& me,
                                           const std::vector<discovery::load>& others,
                                           discovery::context where) override;
    std::uint32_t take(const discovery::load& me, const std::vector<discovery::load>& others,
                       std::uint32_t asked, discovery::context where) override;
    discovery::advice advise(const discovery::load& me, const std::vector<discovery::load>& others,
                             discovery::context where) override;

private:
    discovery::strategy* now_;
    std::shared_ptr<discovery::strategy> kept_;
};

}  // namespace calbox::overlay
