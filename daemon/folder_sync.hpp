// The folder of a person's coming events: has done what folder_plan decides, by the services and
// the disk, and remembers it. Started by the composition root, and joined by it; core thread only.
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/task_scope.hpp"
#include "folder_disk_real.hpp"
#include "node/services.hpp"

namespace calbox::daemon {

struct folder_settings {
    std::filesystem::path path;  // empty: there is no folder
    std::chrono::days ahead{14};
    std::filesystem::path memory;  // the file where it is remembered what lies in the folder
    folder_plan::settings plan;
};

struct folder_view {
    std::string path, user;
    std::string state;  // off, waiting, working, in_step or stopped
    std::string problem;
    std::int64_t ahead_days = 0;
    struct event {
        std::string id_text, title, directory;  // directory: empty where there is none
        std::vector<folder_plan::file_state> files;
    };
    std::vector<event> events;
};

class folder_sync {
public:
    folder_sync(const environment& env, node::services on, folder_settings with);

    void start();
    void request_stop() noexcept;
    task<void> join();

    folder_view view() const;

private:
    using outcome = task<result<folder_plan::result_of>>;

    task<void> run();
    task<void> follow_changes();
    task<result<void>> open();
    task<result<duration>> look_once();
    result<node::account_view> owner() const;
    std::vector<folder_event> coming();
    task<void> perform(folder_action what);
    outcome act(folder_action what);
    outcome place(folder_action what);
    outcome attach(folder_action what);
    task<result<bool>> is_same(folder_action what);
    task<void> keep();

    const environment& env_;
    node::services on_;
    const folder_settings with_;
    event wake_;
    folder_bell bell_;
    std::shared_ptr<folder_disk> disk_;  // shared with jobs of the disk worker
    std::unique_ptr<folder_plan> plan_;
    std::string id_, user_;  // of the folder; whose it is, in hex
    node::account_view as_;
    std::map<std::string, event_id> ids_;               // by key; of all that were ever looked at
    std::map<std::string, folder_view::event> events_;  // of those, what is coming now
    std::uint64_t kept_ = 0, ended_ = 0;
    bool clean_ = true;
    std::string state_ = "waiting", problem_;
    task_scope works_, tasks_;
};

}  // namespace calbox::daemon
