// Tables on a terminal: columns as wide as what is in them, counted in cells of the screen.
#include <algorithm>
#include <clocale>
#include <cwchar>

#include "output.hpp"
#include "text.hpp"

namespace calbox::ctl {

namespace {

constexpr std::size_t gap = 2;
constexpr std::size_t narrowest = 8;  // no column is cut below this

/// The C library's knowledge of characters, whatever locale the person has.
class utf8_locale {
public:
    utf8_locale()
        : mine_(::newlocale(LC_CTYPE_MASK, "C.UTF-8", nullptr)), before_(::uselocale(mine_)) {}
    ~utf8_locale() {
        ::uselocale(before_);
        if (mine_ != nullptr) {
            ::freelocale(mine_);
        }
    }
    utf8_locale(const utf8_locale&) = delete;
    utf8_locale& operator=(const utf8_locale&) = delete;

private:
    locale_t mine_;
    locale_t before_;
};

/// How many bytes of `text` fill at most `most` cells, and how many cells that is.
std::pair<std::size_t, std::size_t> fitting(const std::string& text, std::size_t most) {
    std::mbstate_t state{};
    std::size_t at = 0, cells = 0;
    while (at < text.size()) {
        wchar_t character = 0;
        std::size_t length = std::mbrtowc(&character, text.data() + at, text.size() - at, &state);
        int width = 1;
        if (length == 0 || length > text.size() - at) {
            length = 1;
            state = {};
        } else {
            width = std::max(0, ::wcwidth(character));
        }
        if (cells + static_cast<std::size_t>(width) > most) {
            break;
        }
        at += length;
        cells += static_cast<std::size_t>(width);
    }
    return {at, cells};
}

std::size_t cells_of(const std::string& text) { return fitting(text, SIZE_MAX).second; }

void append_row(std::string& text, const std::vector<std::string>& row,
                const std::vector<std::size_t>& widths) {
    std::string made;
    for (std::size_t i = 0; i < row.size(); ++i) {
        std::string cell = row[i];
        std::size_t cells = cells_of(cell);
        if (cells > widths[i]) {
            const auto [bytes, kept] = fitting(cell, widths[i] - 1);
            cell = cell.substr(0, bytes) + "\u2026";
            cells = kept + 1;
        }
        made += cell + std::string(widths[i] - cells + gap, ' ');
    }
    made.erase(made.find_last_not_of(' ') + 1);
    text += made + '\n';
}

}  // namespace

std::string aligned(const std::vector<std::string>& header,
                    const std::vector<std::vector<std::string>>& rows, std::size_t columns) {
    const utf8_locale in_use;
    std::vector<std::size_t> widths;
    for (const std::string& name : header) {
        widths.push_back(cells_of(name));
    }
    for (const auto& row : rows) {
        for (std::size_t i = 0; i < row.size(); ++i) {
            widths[i] = std::max(widths[i], cells_of(row[i]));
        }
    }
    const auto total = [&] {
        std::size_t sum = (widths.size() - 1) * gap;
        for (const std::size_t width : widths) {
            sum += width;
        }
        return sum;
    };
    // Too wide for the screen: the widest column gives way first.
    while (columns > 0 && total() > columns) {
        const auto widest = std::ranges::max_element(widths);
        if (*widest <= narrowest) {
            break;
        }
        --*widest;
    }
    std::string text;
    append_row(text, header, widths);
    for (const auto& row : rows) {
        append_row(text, row, widths);
    }
    return text;
}

}  // namespace calbox::ctl
