// Forms with files, whole and in pieces of every size, and what is none.
#include "daemon/multipart.hpp"

#include <gtest/gtest.h>

#include "support/test_environment.hpp"

namespace calbox::daemon {
namespace {

class in_pieces final : public node::byte_source {
public:
    in_pieces(std::string text, std::size_t size) : text_(std::move(text)), size_(size) {}
    task<result<bytes>> next() override {
        const std::size_t count = std::min(size_, text_.size() - at_);
        const bytes piece = to_bytes(std::string_view(text_).substr(at_, count));
        at_ += count;
        co_return piece;
    }
    bool is_over() const { return at_ == text_.size(); }

private:
    const std::string text_;
    const std::size_t size_;
    std::size_t at_ = 0;
};

struct read_file {
    std::string name, media_type, content;
    friend bool operator==(const read_file&, const read_file&) = default;
};

class multipart_test : public ::testing::Test {
protected:
    task<result<std::vector<read_file>>> read(node::byte_source& from) {
        std::vector<read_file> all;
        multipart_files form(from, "XX");
        while (true) {
            const auto next = co_await form.next_file();
            if (!next) {
                co_return fail(next.error());
            }
            if (!*next) {
                co_return all;
            }
            all.push_back({(*next)->name, (*next)->media_type, {}});
            if (skips == all.size()) {
                continue;
            }
            while (true) {
                const auto piece = co_await form.content().next();
                if (!piece) {
                    co_return fail(piece.error());
                }
                if (piece->empty()) {
                    break;
                }
                all.back().content += as_text(*piece);
            }
        }
    }
    result<std::vector<read_file>> parse(const std::string& text, std::size_t size = 1 << 20) {
        in_pieces from(text, size);
        auto all = in.run(read(from));
        if (all) {
            EXPECT_TRUE(from.is_over()) << "the connection could not go on";
        }
        return all;
    }
    static std::string part(const std::string& filename, const std::string& content,
                            const std::string& more = {}) {
        return "--XX\r\nContent-Disposition: form-data; name=\"file\"; filename=\"" + filename +
               "\"\r\n" + more + "\r\n" + content + "\r\n";
    }

    test::test_environment in;
    std::size_t skips = 0;  // the content of that file is not read
};

TEST_F(multipart_test, files_come_as_they_are_in_pieces_of_any_size) {
    // Beginnings of delimiters that are none.
    const std::string tricky =
        "a\r\n--X\r\n--\r\n\r\n--YX\r--XX\n--XX" + std::string(3, '\0') + "\r\n";
    const std::string form = "before\r\n" + part("a.txt", "one", "content-TYPE:  text/plain \r\n") +
                             part("empty", "") + part("b.bin", tricky) + "--XX--\r\nafter";
    const std::vector<read_file> wanted{
        {"a.txt", "text/plain", "one"}, {"empty", "", ""}, {"b.bin", "", tricky}};
    for (std::size_t size = 1; size <= form.size(); ++size) {
        const auto all = parse(form, size);
        ASSERT_TRUE(all) << all.error().message() << ", pieces of " << size;
        ASSERT_EQ(*all, wanted) << "pieces of " << size;
    }
    skips = 1;
    const auto all = parse(form, 3);
    ASSERT_TRUE(all);
    EXPECT_EQ(all->at(0).content, "");
    EXPECT_EQ(all->at(2).content, tricky);
    EXPECT_EQ(parse("--XX--"), std::vector<read_file>());
}

TEST_F(multipart_test, names_are_read_as_browsers_and_curl_write_them) {
    const auto name = [&](const std::string& written) {
        const auto all = parse(part(written, "x") + "--XX--\r\n");
        return all && all->size() == 1 ? all->front().name : "?";
    };
    EXPECT_EQ(name("caf\xc3\xa9; a=b.txt"), "caf\xc3\xa9; a=b.txt");
    EXPECT_EQ(name("a%22b%0D%0A%41.txt"), "a\"b\r\n%41.txt");
    EXPECT_EQ(name("a\\\"b\\\\c.txt"), "a\"b\\c.txt");
    EXPECT_EQ(name("/etc/passwd"), "passwd");
    EXPECT_EQ(name("../"), "");
    const auto bare = parse(
        "--XX\r\nContent-Disposition: form-data; filename=a.txt ; name=file\r\n\r\nx\r\n--XX--");
    ASSERT_TRUE(bare);
    EXPECT_EQ(bare->at(0).name, "a.txt");
}

TEST_F(multipart_test, the_encoded_name_is_the_name) {
    const auto name = [&](const std::string& written) {
        const auto all =
            parse("--XX\r\nContent-Disposition: form-data; " + written + "\r\n\r\nx\r\n--XX--\r\n");
        return all && all->size() == 1 ? all->front().name : "?";
    };
    EXPECT_EQ(name("filename*=utf-8''x%2522.txt"), "x%22.txt");
    EXPECT_EQ(name("name=\"f\"; filename=\"a.txt\"; filename*=UTF-8'en'%e2%82%ac%5C"),
              "\xe2\x82\xac\\");
    EXPECT_EQ(name("filename*=UTF-8''..%2Fpasswd"), "passwd");
    EXPECT_EQ(name("filename=\"a.txt\"; filename*=iso-8859-1''b"), "a.txt");
    EXPECT_EQ(name("filename=\"a.txt\"; filename*=UTF-8''b%2"), "a.txt");
    EXPECT_EQ(name("filename*=UTF-8'b"), "?");
}

TEST_F(multipart_test, a_field_in_which_no_file_was_chosen_is_left_out) {
    const std::string none = part("", "", "Content-Type: application/octet-stream\r\n");
    const std::string form = none + part("a.txt", "one") + none + none + "--XX--\r\n";
    for (std::size_t size = 1; size <= form.size(); ++size) {
        EXPECT_EQ(parse(form, size), (std::vector<read_file>{{"a.txt", "", "one"}})) << size;
    }
    EXPECT_EQ(parse(none + "--XX--"), std::vector<read_file>());
    EXPECT_EQ(parse(part("", "bytes") + "--XX--").error().code, errc::invalid_argument);
    EXPECT_EQ(parse(none.substr(0, none.size() - 2)).error().code, errc::invalid_argument);
}

TEST_F(multipart_test, what_is_no_form_of_files_is_refused) {
    const std::string whole = part("a.txt", "one") + "--XX--";
    for (std::size_t size = 0; size < whole.size(); ++size) {
        const auto cut = parse(whole.substr(0, size));
        ASSERT_FALSE(cut) << size;
        EXPECT_EQ(cut.error().code, errc::invalid_argument);
    }
    for (const std::string& form :
         {std::string("--XX\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\nx\r\n--XX--"),
          std::string("--XX\r\nContent-Type: text/plain\r\n\r\nx\r\n--XX--"),
          std::string("--XX\r\n\r\nx\r\n--XX--"),
          "--XX\r\nA: " + std::string(multipart_files::head_most, 'a') + "\r\n\r\nx\r\n--XX--"}) {
        EXPECT_EQ(parse(form, 64).error().code, errc::invalid_argument) << form.substr(0, 80);
    }
}

TEST_F(multipart_test, the_boundary_is_what_the_content_type_says) {
    EXPECT_EQ(boundary_of("multipart/form-data; boundary=abc"), "abc");
    EXPECT_EQ(boundary_of("Multipart/Form-Data; charset=utf-8; BOUNDARY=\"a b;c\""), "a b;c");
    for (const std::string& type :
         {std::string(), std::string("text/plain"), std::string("multipart/form-data"),
          std::string("multipart/form-data; boundary="), std::string("multipart/mixed; boundary=a"),
          "multipart/form-data; boundary=" + std::string(71, 'a')}) {
        EXPECT_EQ(boundary_of(type).error().code, errc::invalid_argument) << type;
    }
}

}  // namespace
}  // namespace calbox::daemon
