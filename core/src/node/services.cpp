#include "node/services.hpp"

namespace calbox::node {

accounts::~accounts() = default;
calendar::~calendar() = default;
reminders::~reminders() = default;
free_busy::~free_busy() = default;
open_events::~open_events() = default;
joins::~joins() = default;
branches::~branches() = default;
history::~history() = default;
locks::~locks() = default;
file_sequence::~file_sequence() = default;
files::~files() = default;
contacts::~contacts() = default;
network_admin::~network_admin() = default;
node_info::~node_info() = default;
watch::~watch() = default;

}  // namespace calbox::node
