// Asio's one copy for the whole program: its error categories and thread-local tables must not
// exist twice.
#include <boost/asio/impl/src.hpp>
#include <boost/asio/ssl/impl/src.hpp>
