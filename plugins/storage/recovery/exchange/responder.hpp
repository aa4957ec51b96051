// The answering side: one question in, the messages of its answer out. Keeps nothing but hashes.
#pragma once

#include <calbox/recovery.hpp>

#include "messages.hpp"

namespace calbox::recovery {

/// malformed: nothing that can be answered.
result<std::vector<bytes>> answer_question(byte_view asked, const view& theirs, hash_cache& kept);

}  // namespace calbox::recovery
