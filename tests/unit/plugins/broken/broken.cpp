// One small discovery plugin, and by BROKEN_... the ways in which a plugin can be unfit. The
// loader's tests load each.
#include <stdexcept>

#include <calbox/plugin.hpp>

#if defined(BROKEN_ABI)
#undef CALBOX_ABI_TAG
#define CALBOX_ABI_TAG "calbox=3;arch=" CALBOX_ARCH ";libstdcxx=3;cxx11abi=1;debug=0"
#elif defined(BROKEN_API_MAJOR)
#undef CALBOX_API_MAJOR
#define CALBOX_API_MAJOR 99
#elif defined(BROKEN_API_MINOR)
#undef CALBOX_API_MINOR
#define CALBOX_API_MINOR 99
#endif
#ifndef BROKEN_NAME
#define BROKEN_NAME "good"
#endif
#ifndef BROKEN_VERSION
#define BROKEN_VERSION "1.0.0"
#endif
#ifndef BROKEN_KIND
#define BROKEN_KIND "discovery"
#endif

#if defined(BROKEN_UNRESOLVED)
extern "C" int calbox_test_function_that_nobody_defines();
#endif

namespace {

using namespace calbox::discovery;

class first final : public strategy {
public:
    std::vector<std::size_t> order(const std::vector<candidate>&, context) override { return {}; }
    std::size_t choose(const std::vector<offer>&, context) override { return 0; }
    void learn(const calbox::device_id&, outcome, context) override {}
    admission admit(const load&, const std::vector<load>&, context) override { return {}; }
    std::vector<migration> plan(const load&, const std::vector<load>&, context) override {
        return {};
    }
    std::uint32_t take(const load&, const std::vector<load>&, std::uint32_t, context) override {
        return 0;
    }
    advice advise(const load&, const std::vector<load>&, context) override { return advice::none; }
};

[[maybe_unused]] calbox::result<std::unique_ptr<first>> make(
    [[maybe_unused]] std::string_view settings) {
#if defined(BROKEN_FACTORY_FAILS)
    return calbox::fail(calbox::errc::invalid_argument,
                        "the factory says no to " + std::string(settings));
#elif defined(BROKEN_FACTORY_THROWS)
    throw std::runtime_error("the factory threw this");
#elif defined(BROKEN_FACTORY_THROWS_INT)
    throw 1;
#elif defined(BROKEN_UNRESOLVED)
    calbox_test_function_that_nobody_defines();
#endif
    return std::make_unique<first>();
}

}  // namespace

#if defined(BROKEN_NO_SECTION)
extern "C" __attribute__((visibility("default"))) int something_else() { return 1; }
#elif defined(BROKEN_NO_SYMBOL) || defined(BROKEN_META)
#ifndef BROKEN_META
#define BROKEN_META                                                                              \
    "CBMETA1\nname=" BROKEN_NAME "\nversion=1.0.0\nkind=discovery\napi=3.0\nabi=" CALBOX_ABI_TAG \
    "\n"
#endif
extern "C" __attribute__((section("calbox_meta"), used)) const char calbox_plugin_meta[] =
    BROKEN_META;
#elif defined(BROKEN_MAGIC) || defined(BROKEN_DESCRIPTOR_VERSION) || defined(BROKEN_FIELDS)
extern "C" __attribute__((section("calbox_meta"), used)) const char calbox_plugin_meta[] =
    "CBMETA1\nname=" BROKEN_NAME "\nversion=1.0.0\nkind=discovery\napi=3.0\nabi=" CALBOX_ABI_TAG
    "\n";
extern "C" __attribute__((visibility("default")))
const calbox_plugin_descriptor_type calbox_plugin_descriptor = {
#if defined(BROKEN_MAGIC)
    1,
#else
    calbox_plugin_magic,
#endif
#if defined(BROKEN_DESCRIPTOR_VERSION)
    9,
#else
    calbox_plugin_descriptor_version,
#endif
    sizeof(calbox_plugin_descriptor_type),
    CALBOX_API_MAJOR,
    CALBOX_API_MINOR,
    calbox_plugin_discovery,
    CALBOX_ABI_TAG,
    BROKEN_NAME,
    "1.0.0",
    "",
    "",
    "{}",
    nullptr,
    nullptr,
    {}};
#else
CALBOX_PLUGIN(first, make, BROKEN_KIND, BROKEN_NAME, BROKEN_VERSION, "For the tests of the loader",
              "test small",
              R"({"type":"object","additionalProperties":false,"required":["who"],"properties":{
                  "who":{"type":"string","enum":["a","b"],"default":"a"},
                  "size":{"type":"integer","minimum":2,"maximum":5,"default":3},
                  "on":{"type":"boolean"}}})");
#endif
