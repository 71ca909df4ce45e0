// Nasdaq TotalView-ITCH 5.0 as it lies in a file: each message follows its length, two bytes, big-endian.
// All numbers are big-endian and unsigned, prices have four implied decimals, text is padded with spaces.
//
//   offset  0  type, one letter
//           1  stock locate, 2 bytes: the day's number of the symbol, 0 if the message concerns none
//           3  tracking number, 2 bytes
//           5  timestamp, 6 bytes: ns since midnight in New York
//          11  what the type adds
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

namespace itch {

struct MessageType {
  char code;
  std::uint16_t length;  // Of the whole message, type included, prefix not.
  const char* name;
};

// Every type of the specification, in its order.
inline constexpr std::array<MessageType, 23> kMessageTypes{{
    {'S', 12, "System Event"},
    {'R', 39, "Stock Directory"},
    {'H', 25, "Stock Trading Action"},
    {'Y', 20, "Reg SHO Restriction"},
    {'L', 26, "Market Participant Position"},
    {'V', 35, "MWCB Decline Level"},
    {'W', 12, "MWCB Status"},
    {'K', 28, "IPO Quoting Period Update"},
    {'J', 35, "LULD Auction Collar"},
    {'h', 21, "Operational Halt"},
    {'A', 36, "Add Order"},
    {'F', 40, "Add Order with MPID"},
    {'E', 31, "Order Executed"},
    {'C', 36, "Order Executed with Price"},
    {'X', 23, "Order Cancel"},
    {'D', 19, "Order Delete"},
    {'U', 35, "Order Replace"},
    {'P', 44, "Trade (Non-Cross)"},
    {'Q', 40, "Cross Trade"},
    {'B', 19, "Broken Trade"},
    {'I', 50, "Net Order Imbalance Indicator"},
    {'N', 20, "Retail Price Improvement Indicator"},
    {'O', 48, "Direct Listing Price Discovery"},
}};

inline constexpr std::size_t kUnknownType = kMessageTypes.size();

namespace detail {
constexpr std::array<std::uint8_t, 256> index_types() {
  std::array<std::uint8_t, 256> index{};
  for (auto& entry : index) entry = kUnknownType;
  for (std::size_t i = 0; i < kMessageTypes.size(); ++i) {
    index[static_cast<unsigned char>(kMessageTypes[i].code)] = static_cast<std::uint8_t>(i);
  }
  return index;
}
inline constexpr std::array<std::uint8_t, 256> kTypeIndex = index_types();
}  // namespace detail

// Where `code` stands in kMessageTypes, or kUnknownType.
constexpr std::size_t type_index(char code) { return detail::kTypeIndex[static_cast<unsigned char>(code)]; }

// A whole message. Its fields are read by their offsets in the specification's tables.
struct Message {
  const unsigned char* bytes;
  std::uint16_t size;

  char letter(std::size_t offset) const { return static_cast<char>(bytes[offset]); }
  const char* text(std::size_t offset) const { return reinterpret_cast<const char*>(bytes + offset); }
  std::uint16_t u16(std::size_t offset) const { return static_cast<std::uint16_t>(number<2>(offset)); }
  std::uint32_t u32(std::size_t offset) const { return static_cast<std::uint32_t>(number<4>(offset)); }
  std::uint64_t u64(std::size_t offset) const { return number<8>(offset); }

  char type() const { return letter(0); }
  std::uint16_t locate() const { return u16(1); }
  std::uint16_t tracking() const { return u16(3); }
  std::uint64_t timestamp() const { return number<6>(5); }

 private:
  // Compilers make one load and one byte swap of this.
  template <std::size_t Width>
  std::uint64_t number(std::size_t offset) const {
    std::uint64_t value = 0;
    for (std::size_t i = 0; i < Width; ++i) value = value << 8 | bytes[offset + i];
    return value;
  }
};

// Walks over the messages of a feed that lies in memory. Only whole messages of a known type and of that
// type's length come out; the first that is not ends the walk with a fault.
class Reader {
 public:
  Reader(const unsigned char* bytes, std::size_t size) : bytes_(bytes), size_(size) {}

  // The next message, or nothing at the end of the feed or at a fault.
  std::optional<Message> next() {
    if (offset_ == size_ || !fault_.empty()) return std::nullopt;
    const unsigned char* at = bytes_ + offset_;
    const std::size_t left = size_ - offset_;
    if (left < kPrefix) return fail("the feed ends inside a length");
    const auto length = static_cast<std::uint16_t>(at[0] << 8 | at[1]);
    if (length == 0) return fail("length 0, but a message has at least its type");
    if (left == kPrefix) return fail("the feed ends after a length of " + std::to_string(length));
    const Message message{at + kPrefix, length};
    const std::size_t index = type_index(message.type());
    if (index == kUnknownType) return fail("unknown message type " + spelled(at[kPrefix]));
    if (length != kMessageTypes[index].length) {
      return fail("length " + std::to_string(length) + ", but a message of type " + spelled(at[kPrefix]) +
                  " has " + std::to_string(kMessageTypes[index].length) + " bytes");
    }
    if (left - kPrefix < length) {
      return fail("the feed ends inside a message of type " + spelled(at[kPrefix]) + ": " +
                  std::to_string(left - kPrefix) + " of " + std::to_string(length) + " bytes");
    }
    offset_ += kPrefix + length;
    return message;
  }

  // Where the next message's length lies; at a fault, that of the message at fault.
  std::size_t offset() const { return offset_; }

  // What is wrong with the feed, or empty.
  const std::string& fault() const { return fault_; }

 private:
  static constexpr std::size_t kPrefix = 2;

  std::optional<Message> fail(std::string fault) {
    fault_ = std::move(fault);
    return std::nullopt;
  }

  static std::string spelled(unsigned char code) {
    if (code > ' ' && code < 127) return std::string("'") + static_cast<char>(code) + "'";
    constexpr char kDigits[] = "0123456789abcdef";
    return std::string("0x") + kDigits[code >> 4] + kDigits[code & 15];
  }

  const unsigned char* bytes_;
  std::size_t size_;
  std::size_t offset_ = 0;
  std::string fault_;
};

}  // namespace itch
