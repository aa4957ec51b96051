// A whole account in a file, and back. Implemented in node/; core thread only.
#pragma once

#include <cstdint>
#include <string>

#include <calbox/ids.hpp>

#include "base/async.hpp"
#include "replica/file_store.hpp"

namespace calbox::node {

/// What an archive holds.
struct archive_view {
    std::string name;  // of the user
    timestamp made;
    std::uint64_t events = 0, versions = 0, files = 0;  // versions: earlier ones
    std::uint64_t file_bytes = 0;
    std::uint64_t missing_files = 0;  // that are on no device that could be reached
    // Of one that was restored:
    device_number device;     // this device among the user's
    bool registered = false;  // the network did not know him
};

class archive_sink : public replica::byte_sink {
public:
    /// Before the first byte: how many there will be.
    virtual task<result<void>> begin(std::uint64_t length) = 0;
};

class archives {
public:
    virtual ~archives();
    /// What an archive of the user would hold that is made now, of what is on this device.
    virtual task<result<archive_view>> show(user_id as) = 0;
    /// The user's identity, events with their earlier versions, files, friends and groups, under
    /// the password. Files that are elsewhere are fetched first, where that can be.
    /// invalid_argument: the password is easy to guess.
    virtual task<result<void>> save(user_id as, std::string password, archive_sink& into) = 0;
    struct passwords {
        std::string archive;
        std::string account;  // in this device's network; empty: the same
    };
    /// Signs the user in on this device, as a new one of his, with all that the archive holds: or
    /// nothing of it is here. Where the network does not know him, he is registered with the keys
    /// that he has. already_exists: he is signed in here. unauthorised: a wrong password.
    /// malformed: it is no archive, or damaged. mismatch: the name is somebody else's here.
    /// unsupported: the network has not come as far as the archive's.
    virtual task<result<archive_view>> restore(passwords with, replica::byte_source& from) = 0;
};

}  // namespace calbox::node
