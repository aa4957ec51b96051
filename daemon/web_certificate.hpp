// The certificate of the page's door for other machines: one that its owner has had made, read
// again when it was renewed, or one that vouches for itself, made here and kept. Owned by
// web_doors; core thread only, but for read_or_make(), which does the disk's work and may run
// anywhere.
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include <boost/asio/ssl/context.hpp>
#include <calbox/ids.hpp>

#include "base/environment.hpp"

namespace calbox::daemon {

/// PEM files of the certificate with its chain, and of its key (RFC 7468).
struct certificate_files {
    std::filesystem::path certificate, key;
};
/// What is in them.
struct certificate_text {
    std::string certificate, key;
    bool operator==(const certificate_text&) const = default;
};

class web_certificate {
public:
    /// What TLS is made with. The next call may give another one, after use().
    std::shared_ptr<asio::ssl::context> context() const noexcept { return context_; }
    /// SHA-256 of the certificate as browsers show it, "AB:CD:..".
    const std::string& fingerprint() const noexcept { return fingerprint_; }
    timestamp until() const noexcept { return until_; }
    const certificate_text& text() const noexcept { return text_; }

    /// From now on this one. invalid_argument with a sentence, and the one before stays: it is no
    /// certificate, the key is none or another's.
    result<void> use(certificate_text text);

    static result<certificate_text> read(const certificate_files& from);
    /// A fresh one of this host's own for 825 days, in the names by which it is asked for: host
    /// names and addresses. ECDSA with P-256, which browsers know.
    static result<certificate_text> make(const std::vector<std::string>& names, timestamp now);
    /// What is kept in `at` (readable by its owner alone), or a fresh one, kept there: where there
    /// is none, it is for other names, or within 30 days of its end.
    static result<certificate_text> read_or_make(const std::filesystem::path& at,
                                                 const std::vector<std::string>& names,
                                                 timestamp now);

private:
    certificate_text text_;
    std::shared_ptr<asio::ssl::context> context_;
    std::string fingerprint_;
    timestamp until_;
};

}  // namespace calbox::daemon
