// Three members of a real etcd on loopback, from Debian's etcd-server: own processes, own ports
// that the system chose, own directory. They end with the object, and with the test's process.
#pragma once

#include <csignal>
#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <string>
#include <vector>

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

namespace calbox::test {

class etcd_cluster {
public:
    explicit etcd_cluster(std::size_t size = 3) : members_(size) {
        std::string name = (std::filesystem::temp_directory_path() / "calbox-etcd-XXXXXX").string();
        if (::mkdtemp(name.data()) == nullptr) {
            throw std::runtime_error("no temporary directory");
        }
        directory_ = name;
        const auto ports = free_ports(2 * size);
        for (std::size_t i = 0; i < size; ++i) {
            members_[i].url = "http://127.0.0.1:" + std::to_string(ports[2 * i]);
            members_[i].peer_url = "http://127.0.0.1:" + std::to_string(ports[2 * i + 1]);
            all_ += (i == 0 ? "" : ",") + name_of(i) + "=" + members_[i].peer_url;
        }
        for (std::size_t i = 0; i < size; ++i) {
            start(i);
        }
    }
    ~etcd_cluster() {
        for (std::size_t i = 0; i < members_.size(); ++i) {
            kill(i);
        }
        std::error_code ignored;
        std::filesystem::remove_all(directory_, ignored);
    }
    etcd_cluster(const etcd_cluster&) = delete;
    etcd_cluster& operator=(const etcd_cluster&) = delete;

    /// Also after kill(): with what is on its disk. Does not wait until it answers.
    void start(std::size_t i) {
        const std::vector<std::string> words{"etcd",
                                             "--name",
                                             name_of(i),
                                             "--data-dir",
                                             (directory_ / name_of(i)).string(),
                                             "--listen-client-urls",
                                             members_[i].url,
                                             "--advertise-client-urls",
                                             members_[i].url,
                                             "--listen-peer-urls",
                                             members_[i].peer_url,
                                             "--initial-advertise-peer-urls",
                                             members_[i].peer_url,
                                             "--initial-cluster",
                                             all_,
                                             "--heartbeat-interval",
                                             "50",
                                             "--election-timeout",
                                             "500"};
        std::vector<char*> arguments;
        for (const std::string& word : words) {
            arguments.push_back(const_cast<char*>(word.c_str()));
        }
        arguments.push_back(nullptr);
        const std::string log = log_of(i).string();
        const ::pid_t child = ::fork();
        if (child == 0) {
            ::prctl(PR_SET_PDEATHSIG, SIGKILL);
            const int into = ::open(log.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0600);
            ::dup2(into, STDOUT_FILENO);
            ::dup2(into, STDERR_FILENO);
            ::execvp("etcd", arguments.data());
            static constexpr char text[] = "etcd cannot be started: scripts/setup installs it\n";
            [[maybe_unused]] const auto written = ::write(STDERR_FILENO, text, sizeof text - 1);
            ::_exit(127);
        }
        if (child < 0) {
            throw std::runtime_error("fork failed");
        }
        members_[i].process = child;
    }
    /// SIGKILL.
    void kill(std::size_t i) {
        if (const ::pid_t process = std::exchange(members_[i].process, 0); process > 0) {
            ::kill(process, SIGKILL);
            ::waitpid(process, nullptr, 0);
        }
    }
    const std::string& url(std::size_t i) const { return members_[i].url; }
    std::size_t size() const noexcept { return members_.size(); }
    /// The last words of a member, for a test that failed.
    std::string log_end(std::size_t i) const {
        std::ifstream in(log_of(i));
        const std::string all{std::istreambuf_iterator<char>(in), {}};
        return all.substr(all.size() - std::min<std::size_t>(all.size(), 2000));
    }

private:
    struct member {
        std::string url, peer_url;
        ::pid_t process = 0;
    };
    static std::string name_of(std::size_t i) { return "m" + std::to_string(i); }
    std::filesystem::path log_of(std::size_t i) const { return directory_ / (name_of(i) + ".log"); }
    /// All held at once, so that they differ; another program could take one before etcd does.
    static std::vector<int> free_ports(std::size_t count) {
        std::vector<int> sockets, ports;
        for (std::size_t i = 0; i < count; ++i) {
            const int one = ::socket(AF_INET, SOCK_STREAM, 0);
            ::sockaddr_in at{};
            at.sin_family = AF_INET;
            at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
            ::socklen_t length = sizeof at;
            if (::bind(one, reinterpret_cast<::sockaddr*>(&at), sizeof at) != 0 ||
                ::getsockname(one, reinterpret_cast<::sockaddr*>(&at), &length) != 0) {
                throw std::runtime_error("no free port");
            }
            sockets.push_back(one);
            ports.push_back(ntohs(at.sin_port));
        }
        for (const int one : sockets) {
            ::close(one);
        }
        return ports;
    }

    std::filesystem::path directory_;
    std::string all_;  // --initial-cluster
    std::vector<member> members_;
};

}  // namespace calbox::test
