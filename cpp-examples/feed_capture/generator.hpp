// A made-up trading day in the ITCH wire format, for those who have no recorded one.
#pragma once

#include <cstdint>
#include <vector>

// Makes `messages` messages; the same seed and number make the same bytes. They come in the order and
// about in the shares of a real day: directory first, then mostly adds and deletes, the end of the day
// last. Every E, C, X, D and U refers to an order that is live and has the shares.
std::vector<unsigned char> generate_feed(std::uint64_t messages, std::uint64_t seed);
