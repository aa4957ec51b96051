// An event with something in every field, for the tests of this room.
#pragma once

#include "model/event.hpp"

namespace calbox::model {

inline attachment sample_file(std::string name, std::uint8_t seed) {
    attachment file;
    file.name = std::move(name);
    file.size = 123'456 + seed;
    file.media_type = "application/pdf";
    file.root.value.fill(seed);
    file.key = bytes(32, static_cast<std::uint8_t>(seed + 100));
    file.added_by = "bob";
    file.added = {1'777'777'777'250};
    return file;
}

inline event_content sample_content() {
    event_content content;
    content.uid = "0123456789abcdef@calendarbox";
    content.title = "Besprechung; mit Komma, \"Quotes\" und \\ 😀 اجتماع";
    content.info =
        "first line\n\n\tthird: a;b,c \\n is not a line end\n" + std::string(300, 'x') + "\n";
    content.place = " Room 12, 3rd floor ";
    content.time = {{2026, 5, 3, 14, 0, 0}, {2026, 5, 3, 15, 30, 0}, "Europe/Berlin", false};
    content.recurrence = "INTERVAL=2;FREQ=WEEKLY;BYDAY=MO,WE";
    content.organizer = "alice";
    content.participants = {"bob", "carol_2", "d.a-ve"};
    content.files = {sample_file("report.pdf", 1), sample_file("a;b:c,d\"e^f%g h^n.txt", 2),
                     sample_file("صورة 😀.jpg", 3)};
    content.files[1].media_type = "text/plain; charset=\"utf-8\"";
    content.files[2].replaces = content.files[0].root;
    content.created = {1'777'777'000'007};
    content.modified = {1'777'777'999'000};
    return content;
}

}  // namespace calbox::model
