#include "generator.hpp"

#include <algorithm>
#include <cstddef>
#include <string>

namespace {

constexpr std::size_t kStocks = 200;
constexpr std::size_t kMaxLiveOrders = 100'000;
constexpr std::uint64_t kSecond = 1'000'000'000;
constexpr std::uint64_t kPremarket = 4 * 3600 * kSecond;
constexpr std::uint64_t kOpen = (9 * 3600 + 30 * 60) * kSecond;

// How often a type is drawn while the market is open, in 100,000. Adds and removals are in balance, so
// the book neither empties nor grows without end.
struct Weight {
  char type;
  std::uint32_t weight;
};
constexpr Weight kWeights[] = {
    {'A', 43000}, {'D', 41200}, {'U', 7000}, {'E', 4000}, {'X', 1200}, {'I', 900}, {'P', 800},
    {'F', 700},   {'N', 500},   {'C', 300},  {'Q', 80},   {'B', 60},   {'L', 60},  {'H', 40},
    {'W', 40},    {'J', 40},    {'Y', 30},   {'h', 30},   {'K', 20},
};

// SplitMix64: small, fast, and the same everywhere, which std::uniform_int_distribution is not.
class Random {
 public:
  explicit Random(std::uint64_t seed) : state_(seed) {}

  std::uint32_t below(std::uint32_t bound) {
    return static_cast<std::uint32_t>((next() >> 32) * bound >> 32);
  }

 private:
  std::uint64_t next() {
    std::uint64_t z = state_ += 0x9e3779b97f4a7c15;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return z ^ (z >> 31);
  }

  std::uint64_t state_;
};

struct Stock {
  std::string symbol;
  std::uint16_t locate;
  std::uint32_t price;  // Around which orders are placed.
};

struct Order {
  std::uint64_t reference;
  std::size_t stock;
  std::uint32_t shares;
};

class Generator {
 public:
  Generator(std::uint64_t messages, std::uint64_t seed) : messages_(messages), random_(seed) {
    for (std::size_t i = 0; i < kStocks; ++i) {
      const std::string symbol{'Q', letter('A', i / 26), letter('A', i % 26), 'F'};
      stocks_.push_back({symbol, static_cast<std::uint16_t>(i + 1), 100 * (500 + random_.below(30000))});
    }
    feed_.reserve(messages * 36);
  }

  std::vector<unsigned char> run() {
    for (std::uint64_t i = 0; i < messages_; ++i) message(i);
    return std::move(feed_);
  }

 private:
  // One day: the directory, a word on the market's state, the opening crosses, trading, the close.
  void message(std::uint64_t i) {
    constexpr std::uint64_t kDirectory = 1 + 4 * kStocks;
    static const std::string kState = "VKOJhSI";
    const std::uint64_t left = messages_ - i;
    time_ = i < kDirectory + kState.size() ? kPremarket + i * 100'000
                                           : std::max(time_, kOpen) + 200 + random_.below(8000);
    if (i == 0) return emit('S', 0, 'O');
    if (left <= 3) return emit('S', 0, "CEM"[left - 1]);
    if (i < kDirectory) return emit("RHYL"[(i - 1) % 4], (i - 1) / 4);
    if (i < kDirectory + kState.size()) return emit(kState[i - kDirectory], 0, 'Q');
    if (i < kDirectory + kState.size() + kStocks) return emit('Q', i - kDirectory - kState.size());
    trade(draw());
  }

  char draw() {
    std::uint32_t left = random_.below(100'000);
    for (const Weight& entry : kWeights) {
      if (left < entry.weight) return entry.type;
      left -= entry.weight;
    }
    return 'A';
  }

  // A message while the market is open. One that needs a live order, or room for one, makes do.
  void trade(char type) {
    const bool adds = type == 'A' || type == 'F';
    const bool uses = type == 'D' || type == 'U' || type == 'E' || type == 'X' || type == 'C';
    if (uses && live_.empty()) return add('A');
    if (adds && live_.size() == kMaxLiveOrders) return use('D', random_.below(kMaxLiveOrders));
    if (adds) return add(type);
    if (uses) return use(type, random_.below(static_cast<std::uint32_t>(live_.size())));
    emit(type, random_.below(kStocks));
  }

  void add(char type) {
    const std::size_t stock = random_.below(kStocks);
    live_.push_back({new_reference(), stock, lot()});
    begin(type, stocks_[stock].locate);
    put(live_.back().reference, 8);
    const bool buy = random_.below(2) == 0;
    put(buy ? 'B' : 'S', 1);
    put(live_.back().shares, 4);
    text(stocks_[stock].symbol, 8);
    put(limit(stock, buy), 4);
    if (type == 'F') text("FLOW", 4);
    end();
  }

  // Executes, cancels, deletes or replaces the live order at `index`.
  void use(char type, std::size_t index) {
    Order& order = live_[index];
    if (type == 'X' && order.shares == 1) type = 'D';
    begin(type, stocks_[order.stock].locate);
    put(order.reference, 8);
    if (type == 'E' || type == 'C') {
      const std::uint32_t executed = random_.below(2) == 0 ? order.shares : 1 + random_.below(order.shares);
      put(executed, 4);
      put(++match_number_, 8);
      if (type == 'C') {
        put(random_.below(4) == 0 ? 'N' : 'Y', 1);
        put(limit(order.stock, true), 4);
      }
      order.shares -= executed;
    } else if (type == 'X') {
      const std::uint32_t cancelled = 1 + random_.below(order.shares - 1);
      put(cancelled, 4);
      order.shares -= cancelled;
    } else if (type == 'U') {
      order.reference = new_reference();
      order.shares = lot();
      put(order.reference, 8);
      put(order.shares, 4);
      put(limit(order.stock, random_.below(2) == 0), 4);
    } else {
      order.shares = 0;
    }
    end();
    if (order.shares == 0) {
      order = live_.back();
      live_.pop_back();
    }
  }

  // A message that concerns no order of the book. `event` is what a system event tells.
  void emit(char type, std::size_t index, char event = 'Q') {
    const Stock& stock = stocks_[index];
    const bool about_market = type == 'S' || type == 'V' || type == 'W';
    begin(type, about_market ? std::uint16_t{0} : stock.locate);
    switch (type) {
      case 'S':
        put(event, 1);
        break;
      case 'R':
        text(stock.symbol, 8);
        text("QN", 2);  // Market category, financial status.
        put(100, 4);
        text("NCZ PNN1N", 9);
        put(0, 4);
        text("N", 1);
        break;
      case 'H':
        text(stock.symbol, 8);
        text("T ", 6);
        break;
      case 'Y':
        text(stock.symbol, 8);
        text("0", 1);
        break;
      case 'L':
        text("FLOW", 4);
        text(stock.symbol, 8);
        text("YNA", 3);
        break;
      case 'V':
        for (const std::uint64_t level : {3'000, 2'800, 2'500}) put(level * 100'000'000, 8);
        break;
      case 'W':
        put('1', 1);
        break;
      case 'K':
        text(stock.symbol, 8);
        put(kOpen / kSecond, 4);
        text("A", 1);
        put(stock.price, 4);
        break;
      case 'J':
        text(stock.symbol, 8);
        for (const std::uint32_t percent : {100, 105, 95}) put(stock.price / 100 * percent, 4);
        put(0, 4);
        break;
      case 'h':
        text(stock.symbol, 8);
        text("QT", 2);
        break;
      case 'P':
        put(0, 8);  // Hidden orders have no reference.
        text("B", 1);
        put(lot(), 4);
        text(stock.symbol, 8);
        put(stock.price, 4);
        put(++match_number_, 8);
        break;
      case 'Q':
        put(std::uint64_t{lot()} * random_.below(10'000), 8);
        text(stock.symbol, 8);
        put(stock.price, 4);
        put(++match_number_, 8);
        text("O", 1);
        break;
      case 'B':
        put(match_number_, 8);
        break;
      case 'I':
        put(lot() * 10, 8);
        put(lot(), 8);
        text("B", 1);
        text(stock.symbol, 8);
        for (int i = 0; i < 3; ++i) put(stock.price, 4);
        text("O1", 2);
        break;
      case 'N':
        text(stock.symbol, 8);
        put("BSAN"[random_.below(4)], 1);
        break;
      case 'O':
        text(stock.symbol, 8);
        text("Y", 1);
        for (const std::uint32_t percent : {80, 180, 100}) put(stock.price / 100 * percent, 4);
        put(kOpen, 8);
        for (const std::uint32_t percent : {90, 110}) put(stock.price / 100 * percent, 4);
        break;
    }
    end();
  }

  std::uint64_t new_reference() { return reference_ += 1 + random_.below(4); }

  std::uint32_t lot() {
    return random_.below(10) == 0 ? 1 + random_.below(99) : 100 * (1 + random_.below(5));
  }

  // A price some cents from the stock's own, which walks a cent at a time.
  std::uint32_t limit(std::size_t stock, bool buy) {
    std::uint32_t& price = stocks_[stock].price;
    price = std::max(price + 100 * random_.below(3) - 100, 10'000u);
    const std::uint32_t away = 100 * random_.below(50);
    return buy ? price - away : price + away;
  }

  static char letter(char first, std::size_t index) { return static_cast<char>(first + index); }

  void begin(char type, std::uint16_t locate) {
    start_ = feed_.size();
    put(0, 2);  // The length, which `end` knows.
    put(type, 1);
    put(locate, 2);
    put(random_.below(8), 2);
    put(time_, 6);
  }

  void end() {
    const std::size_t length = feed_.size() - start_ - 2;
    feed_[start_] = static_cast<unsigned char>(length >> 8);
    feed_[start_ + 1] = static_cast<unsigned char>(length);
  }

  template <typename Number>
  void put(Number value, unsigned width) {
    const auto bits = static_cast<std::uint64_t>(value);
    for (unsigned i = width; i-- > 0;) feed_.push_back(static_cast<unsigned char>(bits >> 8 * i));
  }

  void text(const std::string& value, std::size_t width) {
    feed_.insert(feed_.end(), value.begin(), value.end());
    feed_.insert(feed_.end(), width - value.size(), ' ');
  }

  std::uint64_t messages_;
  Random random_;
  std::vector<Stock> stocks_;
  std::vector<Order> live_;
  std::uint64_t time_ = 0;
  std::uint64_t reference_ = 0;
  std::uint64_t match_number_ = 0;
  std::vector<unsigned char> feed_;
  std::size_t start_ = 0;
};

}  // namespace

std::vector<unsigned char> generate_feed(std::uint64_t messages, std::uint64_t seed) {
  return Generator(messages, seed).run();
}
