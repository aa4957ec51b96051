// A strategy that consists of the two sides here. Core thread.
#pragma once

#include "initiator.hpp"
#include "responder.hpp"

namespace calbox::recovery {

template <summary By>
class exchange_strategy : public strategy {
public:
    std::unique_ptr<initiator> initiate() override {
        return std::make_unique<exchange_initiator>(By);
    }
    result<std::vector<bytes>> respond(byte_view asked, const view& theirs, context) override {
        return answer_question(asked, theirs, kept_);
    }

private:
    hash_cache kept_;
};

}  // namespace calbox::recovery
