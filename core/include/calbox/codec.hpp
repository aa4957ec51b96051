// From field lists to CBOR maps and back. A type states its fields once:
//     static constexpr auto fields = std::tuple(field<1>(&hello::name), field<2>(&hello::size),
//     ...);
// Keys ascend. Unknown keys >= 0 are ignored on reading; an unknown negative key is critical and
// refused (errc::unsupported). Negative keys follow the others, descending, which is the canonical
// order. A missing key leaves the member at its default. Strings and sequences are bounded by the
// message they came in.
#pragma once

#include <array>
#include <chrono>
#include <concepts>
#include <map>
#include <optional>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include <calbox/cbor.hpp>
#include <calbox/environment.hpp>
#include <calbox/ids.hpp>

namespace calbox::codec {

template <int Key, class Class, class Member>
struct field_of {
    static constexpr int key = Key;
    Member Class::* member;
};
template <int Key, class Class, class Member>
constexpr field_of<Key, Class, Member> field(Member Class::* member) {
    return {member};
}

template <class T>
concept record = requires { T::fields; };

template <class T>
void put(cbor::writer& out, const T& value);
template <class T>
result<void> take(cbor::reader& in, T& value);

namespace detail {
template <class T>
struct is_vector : std::false_type {};
template <class T>
struct is_vector<std::vector<T>> : std::true_type {};
template <class T>
struct is_optional : std::false_type {};
template <class T>
struct is_optional<std::optional<T>> : std::true_type {};
template <class T>
struct is_pair : std::false_type {};
template <class A, class B>
struct is_pair<std::pair<A, B>> : std::true_type {};
template <class T>
struct is_fixed_id : std::false_type {};
template <std::size_t N, class Tag>
struct is_fixed_id<fixed_id<N, Tag>> : std::true_type {};
template <class T>
struct is_number : std::false_type {};
template <class Tag>
struct is_number<number<Tag>> : std::true_type {};

template <class T, class Visit>
void each_field(Visit&& visit) {
    std::apply([&](const auto&... f) { (visit(f), ...); }, T::fields);
}

/// An empty optional is an absent key.
template <class T>
bool is_absent(const T& value) {
    if constexpr (is_optional<T>::value) {
        return !value.has_value();
    } else {
        return false;
    }
}
}  // namespace detail

template <class T>
void put(cbor::writer& out, const T& value) {
    if constexpr (std::same_as<T, bytes>) {
        out.byte_string(value);
    } else if constexpr (std::same_as<T, std::string>) {
        out.text(value);
    } else if constexpr (std::same_as<T, bool>) {
        out.boolean(value);
    } else if constexpr (detail::is_fixed_id<T>::value) {
        out.byte_string(value.view());
    } else if constexpr (detail::is_number<T>::value) {
        out.unsigned_integer(value.value);
    } else if constexpr (std::same_as<T, timestamp>) {
        out.integer(value.ms);
    } else if constexpr (std::same_as<T, event_id>) {
        out.array(2);
        out.byte_string(value.organizer.view());
        out.unsigned_integer(value.seq);
    } else if constexpr (std::is_enum_v<T>) {
        out.unsigned_integer(static_cast<std::uint64_t>(value));
    } else if constexpr (std::unsigned_integral<T>) {
        out.unsigned_integer(value);
    } else if constexpr (std::signed_integral<T>) {
        out.integer(value);
    } else if constexpr (detail::is_optional<T>::value) {
        put(out, *value);
    } else if constexpr (detail::is_pair<T>::value) {
        out.array(2);
        put(out, value.first);
        put(out, value.second);
    } else if constexpr (detail::is_vector<T>::value) {
        out.array(value.size());
        for (const auto& item : value) {
            put(out, item);
        }
    } else {
        static_assert(record<T>, "give the type a list of fields");
        std::uint64_t count = 0;
        detail::each_field<T>(
            [&](const auto& f) { count += detail::is_absent(value.*(f.member)) ? 0 : 1; });
        out.map(count);
        detail::each_field<T>([&](const auto& f) {
            if (!detail::is_absent(value.*(f.member))) {
                out.integer(f.key);
                put(out, value.*(f.member));
            }
        });
    }
}

template <class T>
result<void> take_into(result<T> from, auto&& assign) {
    if (!from) {
        return fail(std::move(from.error()));
    }
    return assign(*from);
}

template <class T>
result<void> take(cbor::reader& in, T& value) {
    if constexpr (std::same_as<T, bytes>) {
        return take_into(in.byte_string(), [&](byte_view v) -> result<void> {
            value = to_bytes(v);
            return {};
        });
    } else if constexpr (std::same_as<T, std::string>) {
        return take_into(in.text(), [&](std::string_view v) -> result<void> {
            value = v;
            return {};
        });
    } else if constexpr (std::same_as<T, bool>) {
        return take_into(in.boolean(), [&](bool v) -> result<void> {
            value = v;
            return {};
        });
    } else if constexpr (detail::is_fixed_id<T>::value) {
        return take_into(in.byte_string(), [&](byte_view v) -> result<void> {
            const auto id = T::from_bytes(v);
            if (!id) {
                return fail(errc::malformed, "an identifier of the wrong length");
            }
            value = *id;
            return {};
        });
    } else if constexpr (detail::is_number<T>::value) {
        return take(in, value.value);
    } else if constexpr (std::same_as<T, timestamp>) {
        return take(in, value.ms);
    } else if constexpr (std::same_as<T, event_id>) {
        return take_into(in.array(), [&](std::uint64_t n) -> result<void> {
            if (n != 2) {
                return fail(errc::malformed, "an event id is an array of two");
            }
            return take(in, value.organizer).and_then([&] { return take(in, value.seq); });
        });
    } else if constexpr (std::is_enum_v<T>) {
        return take_into(in.unsigned_integer(), [&](std::uint64_t v) -> result<void> {
            if (v > 0xffff'ffff) {
                return fail(errc::malformed, "an enumerator out of range");
            }
            value = static_cast<T>(v);
            return {};
        });
    } else if constexpr (std::unsigned_integral<T>) {
        return take_into(in.unsigned_integer(), [&](std::uint64_t v) -> result<void> {
            if (!std::in_range<T>(v)) {
                return fail(errc::malformed, "an integer out of range");
            }
            value = static_cast<T>(v);
            return {};
        });
    } else if constexpr (std::signed_integral<T>) {
        return take_into(in.integer(), [&](std::int64_t v) -> result<void> {
            if (!std::in_range<T>(v)) {
                return fail(errc::malformed, "an integer out of range");
            }
            value = static_cast<T>(v);
            return {};
        });
    } else if constexpr (detail::is_optional<T>::value) {
        return take(in, value.emplace());
    } else if constexpr (detail::is_pair<T>::value) {
        return take_into(in.array(), [&](std::uint64_t n) -> result<void> {
            if (n != 2) {
                return fail(errc::malformed, "a pair is an array of two");
            }
            return take(in, value.first).and_then([&] { return take(in, value.second); });
        });
    } else if constexpr (detail::is_vector<T>::value) {
        return take_into(in.array(), [&](std::uint64_t n) -> result<void> {
            value.clear();
            for (std::uint64_t i = 0; i < n; ++i) {
                typename T::value_type item{};
                if (auto done = take(in, item); !done) {
                    return done;
                }
                value.push_back(std::move(item));
            }
            return {};
        });
    } else {
        static_assert(record<T>, "give the type a list of fields");
        return take_into(in.map(), [&](std::uint64_t n) -> result<void> {
            for (std::uint64_t i = 0; i < n; ++i) {
                const auto key = in.integer();
                if (!key) {
                    return fail(key.error());
                }
                bool known = false;
                result<void> done;
                detail::each_field<T>([&](const auto& f) {
                    if (f.key == *key) {
                        known = true;
                        done = take(in, value.*(f.member));
                    }
                });
                if (!known) {
                    if (*key < 0) {
                        return fail(errc::unsupported,
                                    "a critical field that this version does not know");
                    }
                    if (const auto skipped = in.item(); !skipped) {
                        return fail(skipped.error());
                    }
                }
                if (!done) {
                    return done;
                }
            }
            return {};
        });
    }
}

template <class T>
bytes encode(const T& value) {
    cbor::writer out;
    put(out, value);
    return out.take();
}

/// The whole input must be one value.
template <class T>
result<T> decode(byte_view data) {
    cbor::reader in(data);
    T value{};
    if (auto done = take(in, value); !done) {
        return fail(std::move(done.error()));
    }
    if (!in.at_end()) {
        return fail(errc::malformed, "bytes after the end of a message");
    }
    return value;
}

}  // namespace calbox::codec
