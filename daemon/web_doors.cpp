#include "web_doors.hpp"

#include <fstream>

#include "directories.hpp"

namespace calbox::daemon {

namespace {

namespace fs = std::filesystem;

constexpr duration certificate_looked_at = std::chrono::minutes(1);

/// The port that the page had before; 0 when there is none.
std::uint16_t kept_port(const fs::path& file) {
    std::ifstream in(file);
    std::uint16_t port = 0;
    in >> port;
    return in ? port : std::uint16_t{0};
}

std::string with_port(const std::string& host, std::uint16_t port) {
    const bool six = host.find(':') != std::string::npos;
    return (six ? "[" + host + "]" : host) + ":" + std::to_string(port);
}

}  // namespace

web_doors::web_doors(const environment& env, const config& with, node::services on,
                     web_sessions& pages, http::handler& api)
    : env_(env),
      with_(with),
      pages_(pages),
      visitors_(env),
      page_gate_(env, on, pages, api),
      door_gate_(env, on, visitors_, api),
      tasks_(env, "web") {
    pages_.lead(visitors_);
}

task<result<void>> web_doors::start() {
    if (with_.web) {
        auto opened = co_await open_page();
        if (!opened) {
            co_return opened;
        }
    }
    if (with_.door.listen) {
        co_return co_await open_door();
    }
    co_return result<void>();
}

task<void> web_doors::keep_sessions(web_sessions& of, fs::path file) {
    const auto kept = co_await offload(env_, env_.disk, [file] { return kept_text(file); });
    of.load(kept);
    of.on_change(
        [this, &of, file] { env_.disk.post([file, text = of.text()] { keep_text(file, text); }); });
}

task<result<void>> web_doors::open_page() {
    const fs::path file = with_.data_dir / "web.port";
    http::server_settings settings;
    settings.addresses.push_back(*with_.web);
    const bool any_port = with_.web->port() == 0;
    // Kept over restarts, for bookmarks and for what browsers remember.
    std::uint16_t before = 0;
    if (any_port) {
        before = co_await offload(env_, env_.disk, [file] { return kept_port(file); });
    }
    if (before != 0) {
        settings.addresses.insert(settings.addresses.begin(), {with_.web->address(), before});
    }
    co_await keep_sessions(pages_, with_.data_dir / "web.sessions");
    page_ = std::make_unique<http::server>(env_, std::move(settings), page_gate_);
    if (auto listening = page_->start(); !listening) {
        page_.reset();
        if (!any_port) {
            co_return fail(listening.error().code, "web.listen: " + listening.error().message());
        }
        env_.log.write(log_level::warn, "web", "there is no page: " + listening.error().message());
        co_return result<void>();
    }
    const std::uint16_t port = page_->port();
    pages_.serve_at(with_port(with_.web->address().to_string(), port), port);
    page_gate_.stand_at({{pages_.authority(), with_port("127.0.0.1", port),
                          with_port("localhost", port), with_port("::1", port)}});
    if (any_port && port != before) {
        const bool kept = co_await offload(
            env_, env_.disk, [file, port] { return keep_text(file, std::to_string(port) + "\n"); });
        if (!kept) {
            env_.log.write(log_level::warn, "web", "cannot write " + file.string());
        }
    }
    co_return result<void>();
}

// The door ---------------------------------------------------------------------------------------

/// The job may be done when this is no more.
task<result<certificate_text>> web_doors::certificate_on_disk() const {
    auto job = [door = with_.door, made = with_.data_dir / "web.door.pem", now = env_.time.wall()] {
        return door.certificate.certificate.empty()
                   ? web_certificate::read_or_make(made, door.names, now)
                   : web_certificate::read(door.certificate);
    };
    co_return co_await offload(env_, env_.disk, std::move(job));
}

task<result<void>> web_doors::open_door() {
    const auto named = [](const error& why) {
        return fail(why.code, "web.door: " + why.message());
    };
    auto text = co_await certificate_on_disk();
    if (!text) {
        co_return named(text.error());
    }
    if (auto good = certificate_.use(std::move(*text)); !good) {
        co_return named(good.error());
    }
    co_await keep_sessions(visitors_, with_.data_dir / "web.door.sessions");
    http::server_settings settings;
    settings.addresses.push_back(*with_.door.listen);
    settings.tls = [this] { return certificate_.context(); };
    door_ = std::make_unique<http::server>(env_, std::move(settings), door_gate_);
    if (auto listening = door_->start(); !listening) {
        door_.reset();
        co_return named(listening.error());
    }
    const std::uint16_t port = door_->port();
    gate_place place{.hosts = {}, .for_others = true, .registers = with_.door.registers};
    for (const std::string& name : with_.door.names) {
        place.hosts.push_back(with_port(name, port));
        if (port == 443) {
            place.hosts.push_back(name);  // browsers leave it out
        }
    }
    visitors_.serve_at(place.hosts.front(), port);
    door_gate_.stand_at(std::move(place));
    tell_door();
    tasks_.spawn("certificate", renew_certificate());
    co_return result<void>();
}

void web_doors::tell_door() {
    pages_.tell_door({"https://" + visitors_.authority() + "/", certificate_.fingerprint(),
                      certificate_.until(), with_.door.certificate.certificate.empty()});
}

/// A renewed one is used for whoever comes next; one that cannot be used leaves the one before.
task<void> web_doors::renew_certificate() {
    std::string complaint;
    while (true) {
        co_await sleep_for(env_, certificate_looked_at);
        auto text = co_await certificate_on_disk();
        if (text && *text == certificate_.text()) {
            continue;
        }
        const auto used = text ? certificate_.use(std::move(*text)) : fail(text.error());
        if (used) {
            complaint.clear();
            tell_door();
            env_.log.write(
                log_level::info, "web",
                "the door has another certificate, SHA-256 " + certificate_.fingerprint());
        } else if (complaint != used.error().message()) {
            complaint = used.error().message();
            env_.log.write(log_level::warn, "web", "the door keeps its certificate: " + complaint);
        }
    }
}

void web_doors::request_stop() noexcept {
    tasks_.request_stop();
    if (page_) {
        page_->request_stop();
    }
    if (door_) {
        door_->request_stop();
    }
}

task<void> web_doors::join() {
    if (page_) {
        co_await page_->join();
        page_.reset();
    }
    if (door_) {
        co_await door_->join();
        door_.reset();
    }
    co_await tasks_.join();
}

}  // namespace calbox::daemon
