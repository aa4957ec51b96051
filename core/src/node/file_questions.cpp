#include "node/file_questions.hpp"

#include <algorithm>

#include "wire/limits.hpp"
#include "wire/messages.hpp"

namespace calbox::node {

std::vector<std::vector<file_root>> questions_of(const std::vector<file_root>& all) {
    std::vector<std::vector<file_root>> pieces;
    for (auto at = all.begin(); at != all.end();) {
        const auto left = static_cast<std::size_t>(all.end() - at);
        const auto size = std::min(left, wire::limits::roots_per_message);
        const auto end = at + static_cast<std::ptrdiff_t>(size);
        pieces.emplace_back(at, end);
        at = end;
    }
    return pieces;
}

task<result<std::set<file_root>>> ask_which_are_there(files_mediator& mediator, device_id device,
                                                      std::vector<file_root> some) {
    const auto answer = co_await mediator.ask(device, wire::message_type::holds,
                                              codec::encode(wire::holds{{}, std::move(some), {}}));
    if (!answer) {
        co_return fail(answer.error());
    }
    const auto reply = codec::decode<wire::holds_reply>(*answer);
    if (!reply) {
        co_return fail(reply.error());
    }
    co_return std::set<file_root>(reply->files.begin(), reply->files.end());
}

}  // namespace calbox::node
