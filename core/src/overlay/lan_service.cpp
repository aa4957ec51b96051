#include "overlay/lan_service.hpp"

namespace calbox::overlay {

void lan_service::start() {
    if (auto opened = lan_.open(); !opened) {
        env_.log.write(
            log_level::warn, "overlay",
            "rendezvous are not searched for in the local network: " + opened.error().message());
        return;
    }
    tasks_.spawn("datagrams", receive());
    look();
}

void lan_service::request_stop() noexcept {
    if (timer_) {
        env_.timers.cancel(*timer_);
        timer_.reset();
    }
    tasks_.request_stop();
    lan_.close();
}

task<void> lan_service::receive() {
    while (true) {
        const auto one = co_await lan_.receive();
        if (!one) {
            co_return;
        }
        carry_out(machine_.on_datagram(one->from, one->data, node_.mine(), env_.time.now()));
        arm();
    }
}

void lan_service::look() {
    carry_out(machine_.on_time(node_.looking(), env_.time.now()));
    arm();
}

void lan_service::arm() {
    if (timer_) {
        env_.timers.cancel(*timer_);
        timer_.reset();
    }
    if (!tasks_.stopping()) {
        timer_ = env_.timers.schedule(machine_.deadline(env_.time.now()), [this] {
            timer_.reset();
            look();
        });
    }
}

void lan_service::carry_out(const lan_search::effects& all) {
    for (const lan_search::effect& one : all) {
        if (const auto* const asking = std::get_if<lan_search::ask>(&one)) {
            lan_.say(asking->data);
        } else if (const auto* const answering = std::get_if<lan_search::answer>(&one)) {
            lan_.answer(answering->to, answering->data);
        } else if (const auto* const news = std::get_if<lan_search::found>(&one)) {
            node_.found(news->said);
        }
    }
}

}  // namespace calbox::overlay
