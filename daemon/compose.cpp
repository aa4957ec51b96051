#include "compose.hpp"

#include <csignal>
#include <cstdlib>

#include <malloc.h>
#include <unistd.h>
#include <boost/asio/signal_set.hpp>

#include "api.hpp"
#include "base/environment_real.hpp"
#include "command_real.hpp"
#include "crypto/primitives.hpp"
#include "directories.hpp"
#include "folder_sync.hpp"
#include "http_server.hpp"
#include "model/event.hpp"
#include "net/multicast_real.hpp"
#include "net/port_mapper_real.hpp"
#include "net/tcp_real.hpp"
#include "node/invitation.hpp"
#include "plugins/directories_real.hpp"
#include "plugins/loader.hpp"
#include "web_doors.hpp"

namespace calbox::daemon {

namespace {

namespace fs = std::filesystem;

constexpr unsigned stop_seconds = 5;  // docs/operations.md promises it
constexpr duration open_command_time = std::chrono::seconds(60);
constexpr duration hand_over_time = std::chrono::seconds(2);  // of those

/// SIGALRM, when stopping took too long. Everything that was acknowledged is on the disk, so that
/// it may just end.
extern "C" void end_late(int) {
    static constexpr char text[] =
        "calboxd: something did not end within 5 seconds; ending without it\n";
    [[maybe_unused]] const auto written = ::write(STDERR_FILENO, text, sizeof text - 1);
    ::_exit(EXIT_FAILURE);
}

tl::unexpected<error> fail_in(const char* what, const error& problem) {
    return fail(problem.code, std::string(what) + ": " + problem.message());
}

/// What must be true of this process before anything is made.
result<data_lock> prepare(const config& with) {
    if (auto made = make_private_directory(with.data_dir); !made) {
        return fail_in("data_dir", made.error());
    }
    if (auto made = make_private(with.data_dir); !made) {
        return fail_in("data_dir", made.error());
    }
    auto lock = data_lock::take(with.data_dir);
    if (!lock) {
        return fail_in("data_dir", lock.error());
    }
    if (auto ready = crypto::initialise(); !ready) {
        return fail_in("cryptography", ready.error());
    }
    model::initialise();
    return lock;
}

/// Whom only this machine can reach searches on this machine only.
bool listens_on_loopback(const std::string& address) {
    const auto parts = net::split_address(address);
    boost::system::error_code problem;
    return parts && asio::ip::make_address(parts->first, problem).is_loopback() && !problem;
}

/// Everything that one daemon is made of. Members stand in the order in which they need each other.
class composition {
public:
    composition(config with, notifier manager)
        : with_(std::move(with)),
          manager_(std::move(manager)),
          transport_(world_.context().get_executor()),
          env_(world_.use(transport_)),
          signals_(world_.context()),
          stop_(env_),
          life_(env_, "calboxd"),
          tasks_(env_, "daemon"),
          plugins_(plugins::plugin_directories(with_.plugin_directories), env_.log) {}

    result<void> run() {
        listen_for_signals();
        life_.spawn("life", live());
        while (life_.running() != 0 && world_.context().run_one() != 0) {
        }
        return outcome_;
    }

private:
    void listen_for_signals() {
        signals_.add(SIGINT);
        signals_.add(SIGTERM);
        signals_.async_wait([this](boost::system::error_code problem, int) {
            if (!problem) {
                begin_to_stop();
            }
        });
    }
    void begin_to_stop() {
        std::signal(SIGALRM, end_late);
        ::alarm(stop_seconds);
        signals_.clear();  // the next one does what it does to any program
        stop_.set();
    }

    task<void> live() {
        auto started = co_await start();
        if (started && !stop_.is_set()) {
            manager_.ready();
            ::malloc_trim(0);  // reading the store takes more than what it leaves
            if (const auto limit = manager_.watchdog()) {
                tasks_.spawn("watchdog", keep_saying_alive(*limit / 3));
            }
            env_.log.write(log_level::info, "calboxd",
                           "version " CALBOX_VERSION " serves on " + with_.socket.string());
            co_await stop_.wait();
            env_.log.write(log_level::info, "calboxd", "stopping");
        }
        manager_.stopping();
        co_await stop();
        outcome_ = std::move(started);
        if (gave_up_) {
            outcome_ =
                fail(errc::unavailable,
                     "no rendezvous could be reached, and network.on_no_rendezvous says exit");
        }
    }

    task<result<void>> start() {
        if (auto loaded = load_plugins(); !loaded) {
            co_return loaded;
        }
        if ((*consensus_)->declared().needs_external) {
            auto servers = net::read_server_trust(with_.consensus_tls);
            if (!servers) {
                co_return fail_in("consensus.tls", servers.error());
            }
            transport_.trust(std::move(*servers));
        }
        if (auto opened = co_await open_store(); !opened) {
            co_return opened;
        }
        node_ =
            std::make_unique<node::node>(env_, *store_, chosen(*discovery_, with_.discovery),
                                         chosen(*consensus_, with_.consensus),
                                         chosen(*recovery_, with_.recovery), settings_of_node());
        auto entered = co_await start_node();
        if (!entered || stop_.is_set()) {
            co_return entered;
        }
        pages_ = std::make_unique<web_sessions>(env_);
        folder_settings folder = with_.folder;
        folder.memory = with_.data_dir / "folder.json";
        folder_ = std::make_unique<folder_sync>(env_, node_->api(), std::move(folder));
        folder_->start();
        api_ = std::make_unique<api>(
            env_, node_->api(), *pages_, [this] { begin_to_stop(); },
            [this] { return folder_->view(); });
        // The doors first: who is answered on the socket finds all that is configured.
        web_ = std::make_unique<web_doors>(env_, with_, node_->api(), *pages_, *api_);
        if (auto opened = co_await web_->start(); !opened) {
            co_return opened;
        }
        http::server_settings settings;
        settings.socket = with_.socket;
        server_ = std::make_unique<http::server>(env_, std::move(settings), *api_);
        if (auto listening = server_->start(); !listening) {
            server_.reset();
            co_return fail(listening.error().code, "socket: " + listening.error().message());
        }
        co_return result<void>();
    }

    /// A signal during the start ends it.
    task<result<void>> start_node() {
        using namespace asio::experimental::awaitable_operators;
        auto outcome = co_await (started_node() || stop_.wait());
        if (outcome.index() == 1) {
            co_return result<void>();
        }
        co_return std::move(std::get<0>(outcome));
    }
    /// The operator above waits for a success: whatever is thrown here must become a value, or it
    /// would wait for a signal.
    task<result<void>> started_node() {
        try {
            co_return co_await node_->start();
        } catch (const std::exception& problem) {
            co_return fail(errc::internal,
                           std::string("the start was given up: ") + problem.what());
        }
    }

    /// In reverse; what was not made is left out.
    task<void> stop() {
        tasks_.request_stop();
        if (web_) {
            web_->request_stop();
        }
        if (server_) {
            server_->request_stop();
            co_await server_->join();
            server_.reset();
        }
        if (web_) {
            co_await web_->join();
            web_.reset();
        }
        api_.reset();
        if (folder_) {
            folder_->request_stop();
            co_await folder_->join();
            folder_.reset();
        }
        if (node_) {
            co_await node_->hand_over(hand_over_time);
            node_->request_stop();
            co_await node_->join();
            node_.reset();
        }
        if (store_) {
            // On the thread that used it, and after all that was posted before.
            auto close = [kept = std::move(store_)]() mutable {
                kept.reset();
                return true;
            };
            co_await offload(env_, env_.disk, std::move(close));
        }
        co_await tasks_.join();
        signals_.clear();
    }

    result<void> load_plugins() {
        auto discovery = plugins_.discovery(with_.discovery.name, with_.discovery.settings);
        if (!discovery) {
            return fail(discovery.error());
        }
        auto consensus = plugins_.consensus(with_.consensus.name, with_.consensus.settings);
        if (!consensus) {
            return fail(consensus.error());
        }
        auto storage = plugins_.storage(with_.storage.name, with_.storage.settings);
        if (!storage) {
            return fail(storage.error());
        }
        auto recovery = plugins_.recovery(with_.recovery.name, with_.recovery.settings);
        if (!recovery) {
            return fail(recovery.error());
        }
        discovery_.emplace(std::move(*discovery));
        consensus_.emplace(std::move(*consensus));
        storage_.emplace(std::move(*storage));
        recovery_.emplace(std::move(*recovery));
        load_more_recovery();
        return {};
    }

    /// Others may ask by any strategy that is there, so all are loaded, with their defaults.
    void load_more_recovery() {
        for (const plugins::plugin_status& one : plugins_.list()) {
            if (one.kind != "recovery" || one.name == recovery_->name()) {
                continue;
            }
            if (auto more = plugins_.recovery(one.name, ""); more) {
                more_recovery_.push_back(std::move(*more));
            } else {
                env_.log.write(log_level::warn, "calboxd",
                               "recovery " + one.name + ": " + more.error().message());
            }
        }
    }

    task<result<void>> open_store() {
        const fs::path directory = with_.data_dir / "store";
        if (auto made = make_private_directory(directory); !made) {
            co_return made;
        }
        auto open = [strategy = storage_->get(), path = directory.string()] {
            return strategy->open(path);
        };
        auto opened = co_await offload(env_, env_.disk, std::move(open));
        if (!opened) {
            co_return fail(opened.error());
        }
        store_ = std::move(*opened);
        co_return result<void>();
    }

    template <class Strategy>
    static node::chosen<Strategy> chosen(const plugins::loaded<Strategy>& plugin,
                                         const wanted_plugin& wanted) {
        return {*plugin, std::string(plugin.name()), std::string(plugin.version()),
                wanted.settings};
    }

    node::node_settings settings_of_node() {
        node::node_settings settings = with_.node;
        settings.version = CALBOX_VERSION;
        settings.open_consensus = [this](const std::string& name,
                                         const std::string& with) -> result<node::opened_strategy> {
            auto made = plugins_.consensus(name, with);
            if (!made) {
                return fail(std::move(made.error()));
            }
            using loaded = plugins::loaded<consensus::strategy>;
            const auto kept = std::make_shared<loaded>(std::move(*made));
            std::string version(kept->version());
            return node::opened_strategy{std::shared_ptr<consensus::strategy>(kept, kept->get()),
                                         std::move(version)};
        };
        for (const auto& one : more_recovery_) {
            settings.more_recovery[std::string(one.name())] = one.get();
        }
        settings.plugins = [this] {
            std::vector<node::plugin_view> views;
            for (plugins::plugin_status& one : plugins_.list()) {
                views.push_back({std::move(one.kind), std::move(one.name), std::move(one.version),
                                 std::move(one.file), std::move(one.traits), std::move(one.summary),
                                 std::move(one.status)});
            }
            return views;
        };
        if (!with_.open_command.empty()) {
            settings.open_rendezvous = [this](std::uint32_t count) {
                return run_command(env_, with_.open_command,
                                   {{"CALBOX_COUNT", std::to_string(count)}}, open_command_time);
            };
        }
        if (with_.lan_search) {
            lan_.emplace(env_, listens_on_loopback(with_.node.listen));
            settings.lan = &*lan_;
        }
        if (with_.port_mapping && with_.node.reach == net::reach::automatic &&
            !listens_on_loopback(with_.node.listen)) {
            mapper_.emplace(env_);
            settings.mapper = &*mapper_;
        }
        settings.find_discovery = [this](const std::string& name) { return find_discovery(name); };
        settings.retired = [this] { stop_.set(); };
        settings.give_up = [this] {
            gave_up_ = true;
            stop_.set();
        };
        return settings;
    }

    /// With the settings of the configuration where it names this one, else with its own defaults.
    result<node::found_discovery> find_discovery(const std::string& name) {
        const bool named = name == with_.discovery.name;
        auto found = plugins_.discovery(name, named ? with_.discovery.settings : std::string());
        if (!found) {
            return fail(std::move(found.error()));
        }
        // Shared: the node keeps it, and its descriptor ends it.
        const auto kept = std::make_shared<plugins::loaded<discovery::strategy>>(std::move(*found));
        return node::found_discovery{std::shared_ptr<discovery::strategy>(kept, kept->get()),
                                     std::string(kept->name()), std::string(kept->version())};
    }

    task<void> keep_saying_alive(duration pause) {
        while (true) {
            manager_.alive();
            co_await sleep_for(env_, pause);
        }
    }

    config with_;
    notifier manager_;
    real_environment world_{real_settings{with_.level}};
    net::tcp_transport transport_;
    const environment& env_;
    asio::signal_set signals_;
    event stop_;
    bool gave_up_ = false;  // no rendezvous was found
    task_scope life_;
    task_scope tasks_;
    // What stays when the life ends by an exception, which its scope logs.
    result<void> outcome_ =
        fail(errc::internal, "it was ended by a bug: please report what the log says");
    plugins::plugin_host plugins_;
    std::optional<plugins::loaded<discovery::strategy>> discovery_;
    std::optional<plugins::loaded<consensus::strategy>> consensus_;
    std::optional<plugins::loaded<storage::strategy>> storage_;
    std::optional<plugins::loaded<recovery::strategy>> recovery_;
    std::vector<plugins::loaded<recovery::strategy>> more_recovery_;
    std::shared_ptr<storage::store> store_;  // shared with the job that closes it, and nobody else
    std::optional<net::udp_multicast> lan_;
    std::optional<net::router_port_mapper> mapper_;
    std::unique_ptr<node::node> node_;
    std::unique_ptr<web_sessions> pages_;
    std::unique_ptr<folder_sync> folder_;
    std::unique_ptr<api> api_;
    std::unique_ptr<http::server> server_;
    std::unique_ptr<web_doors> web_;
};

}  // namespace

result<void> serve(config with, notifier manager) {
    auto lock = prepare(with);
    if (!lock) {
        return fail(std::move(lock.error()));
    }
    // What one thread reads another one frees: with a heap of its own for each thread, that of the
    // disk's would grow page by page.
    ::mallopt(M_ARENA_MAX, 1);
    ::mallopt(M_TOP_PAD, 4 << 20);
    ::mallopt(M_MMAP_THRESHOLD, 4 << 20);  // the line above ends that it adapts itself
    composition all(std::move(with), std::move(manager));
    return all.run();
}

}  // namespace calbox::daemon
