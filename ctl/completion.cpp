#include <algorithm>
#include <set>

#include "documents.hpp"

namespace calbox::ctl {

namespace {

const option* find_option(const command* of, std::string_view word) {
    const auto search = [&](const std::vector<option>& options) -> const option* {
        for (const auto& one : options) {
            if (word == "--" + one.name || (!one.brief.empty() && word == "-" + one.brief)) {
                return &one;
            }
        }
        return nullptr;
    };
    if (of != nullptr) {
        if (const auto* found = search(of->options); found != nullptr) {
            return found;
        }
    }
    return search(global_options());
}

const command* command_at(const std::string& path) {
    for (const auto& one : all_commands()) {
        if (one.path == path) {
            return &one;
        }
    }
    return nullptr;
}

/// Where the line stands before its last word.
struct position {
    std::string path;               // command words so far
    const command* what = nullptr;  // when they are a whole command
    std::size_t arguments = 0;
    const option* awaits = nullptr;  // an option whose value comes next
};

position position_before_last(const std::vector<std::string>& words) {
    position made;
    for (std::size_t i = 0; i + 1 < words.size(); ++i) {
        const auto& word = words[i];
        if (made.awaits != nullptr) {
            made.awaits = nullptr;
        } else if (word.size() > 1 && word.starts_with('-')) {
            const auto* found = find_option(made.what, word);
            made.awaits = found != nullptr && !found->value.empty() ? found : nullptr;
        } else if (made.what != nullptr) {
            ++made.arguments;
        } else {
            made.path += (made.path.empty() ? "" : " ") + word;
            made.what = command_at(made.path);
        }
    }
    return made;
}

std::vector<std::string> words_of_kind(word_kind kind, const std::vector<std::string>& choices,
                                       name_lookup lookup, void* with) {
    switch (kind) {
        case word_kind::choice:
            return choices;
        case word_kind::file:
            return {":files"};
        case word_kind::text:
            return {};
        case word_kind::event:
        case word_kind::person:
        case word_kind::group:
        case word_kind::category:
            break;
    }
    return lookup != nullptr ? lookup(kind, with) : std::vector<std::string>();
}

std::vector<std::string> command_words(const std::string& path) {
    std::vector<std::string> made;
    std::set<std::string> seen;
    const std::string before = path.empty() ? "" : path + " ";
    for (const auto& one : all_commands()) {
        if (one.hidden || !one.path.starts_with(before)) {
            continue;
        }
        const std::string rest = one.path.substr(before.size());
        const auto blank = rest.find(' ');
        const std::string word = rest.substr(0, blank);
        if (seen.insert(word).second) {
            made.push_back(word + "\t" +
                           (blank == std::string::npos
                                ? one.summary
                                : std::string(group_summary(before + word))));
        }
    }
    return made;
}

constexpr std::string_view bash_script = R"sh(# Completion of calboxctl for bash.
_calboxctl() {
    local line file words=("${COMP_WORDS[@]:1:COMP_CWORD}")
    COMPREPLY=()
    while IFS= read -r line; do
        if [[ $line == ":files" ]]; then
            compopt -o filenames 2>/dev/null
            while IFS= read -r file; do
                COMPREPLY+=("$file")
            done < <(compgen -f -- "${COMP_WORDS[COMP_CWORD]}")
        else
            # Others name events and categories: what bash would read as more than a word is quoted.
            printf -v line '%q' "${line%%$'\t'*}"
            COMPREPLY+=("$line")
        fi
    done < <("${COMP_WORDS[0]}" __complete -- "${words[@]}" 2>/dev/null)
}
complete -F _calboxctl calboxctl
)sh";

constexpr std::string_view zsh_script = R"sh(#compdef calboxctl
# Completion of calboxctl for zsh.
_calboxctl() {
    local line word
    local -a found
    for line in "${(@f)$("${words[1]}" __complete -- "${(@)words[2,CURRENT]}" 2>/dev/null)}"; do
        if [[ $line == ":files" ]]; then
            _files
        elif [[ -n $line ]]; then
            word=${line%%$'\t'*}
            if [[ $line == *$'\t'* ]]; then
                found+=("${word//:/\\:}:${line#*$'\t'}")
            else
                found+=("${word//:/\\:}")
            fi
        fi
    done
    (( ${#found} )) && _describe 'calboxctl' found
}
if [[ $funcstack[1] == _calboxctl ]]; then
    _calboxctl "$@"
else
    compdef _calboxctl calboxctl
fi
)sh";

constexpr std::string_view fish_script = R"sh(# Completion of calboxctl for fish.
function __calboxctl_complete
    set -l words (commandline -opc) (commandline -ct)
    for line in ($words[1] __complete -- $words[2..-1] 2>/dev/null)
        if test "$line" = ":files"
            __fish_complete_path (commandline -ct)
        else
            echo $line
        end
    end
end
complete -c calboxctl -f -a '(__calboxctl_complete)'
)sh";

}  // namespace

std::vector<std::string> completions(const std::vector<std::string>& words, name_lookup lookup,
                                     void* with) {
    const std::string last = words.empty() ? std::string() : words.back();
    const auto at = position_before_last(words);
    std::vector<std::string> found;
    if (at.awaits != nullptr) {
        found = words_of_kind(at.awaits->kind, at.awaits->choices, lookup, with);
    } else if (last.starts_with('-')) {
        const auto add = [&](const std::vector<option>& options) {
            for (const auto& one : options) {
                found.push_back("--" + one.name + "\t" + one.help);
            }
        };
        if (at.what != nullptr) {
            add(at.what->options);
        }
        add(global_options());
    } else if (at.what == nullptr) {
        found = command_words(at.path);
    } else if (!at.what->arguments.empty()) {
        const std::size_t index = std::min(at.arguments, at.what->arguments.size() - 1);
        const auto& one = at.what->arguments[index];
        if (at.arguments < at.what->arguments.size() || one.many) {
            found = words_of_kind(one.kind, one.choices, lookup, with);
        }
    }
    std::erase_if(
        found, [&](const std::string& one) { return one != ":files" && !one.starts_with(last); });
    return found;
}

std::string completion_script(const std::string& shell) {
    return std::string(shell == "zsh" ? zsh_script : shell == "fish" ? fish_script : bash_script);
}

}  // namespace calbox::ctl
