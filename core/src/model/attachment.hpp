// A file of an event as an ATTACH property in the manner of RFC 8607. Pure.
#pragma once

#include "model/content_lines.hpp"
#include "model/event.hpp"

namespace calbox::model {

/// An ATTACH of ours; those of other calendars are kept and have no typed field.
bool is_file(const property& line);
/// malformed when it is ours and cannot be read, or its name is more than a label.
result<attachment> read_file_property(const property& line);
/// `old`: the same file's line before, whose parameters of other calendars are kept; may be null.
property write_file_property(const attachment& file, const property* old);

}  // namespace calbox::model
