// The bytes of a feed: a file, or a made-up day.
#pragma once

#include <cstddef>
#include <stdexcept>
#include <string>
#include <vector>

// A feed that cannot be read at all.
class FeedError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

class Feed {
 public:
  // Maps a file into memory, so that a day of many gigabytes needs none of its own. Throws FeedError.
  static Feed open(const std::string& path);

  static Feed of(std::vector<unsigned char> bytes);

  Feed(Feed&& other) noexcept;
  Feed(const Feed&) = delete;
  Feed& operator=(const Feed&) = delete;
  Feed& operator=(Feed&&) = delete;
  ~Feed();

  const unsigned char* data() const { return mapped_ ? mapped_ : bytes_.data(); }
  std::size_t size() const { return mapped_ ? mapped_size_ : bytes_.size(); }

  // Writes the bytes to a file. Throws std::runtime_error.
  void save(const std::string& path) const;

 private:
  Feed() = default;

  std::vector<unsigned char> bytes_;
  const unsigned char* mapped_ = nullptr;
  std::size_t mapped_size_ = 0;
};
