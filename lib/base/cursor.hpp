// ByteReader and ByteWriter: bounds-checked cursors over bytes; the only place that does arithmetic on byte pointers.
//
// A reader never runs past its end: a read that does not fit yields zero, moves nothing and leaves `ok()` false for good,
// so a parser may read a whole header and ask once. A writer that overflows is our own mistake and asserts. "be" is
// network order, "le" little-endian. Neither owns its bytes.
#pragma once

#include <bit>
#include <cstdint>
#include <cstring>
#include <span>

#include "base/assert.hpp"

namespace penstock {

static_assert(std::endian::native == std::endian::little, "wire codecs are written for a little-endian host");

template <class T>
constexpr T to_big_endian(T value) {
  if constexpr (sizeof(T) == 1) return value;
  else return std::byteswap(value);
}

class ByteReader {
 public:
  explicit ByteReader(std::span<const std::uint8_t> bytes) : bytes_(bytes) {}

  bool ok() const { return ok_; }
  std::size_t position() const { return position_; }
  std::size_t remaining() const { return bytes_.size() - position_; }
  std::span<const std::uint8_t> rest() const { return bytes_.subspan(position_); }

  std::uint8_t u8() { return read<std::uint8_t>(); }
  std::uint16_t u16_be() { return to_big_endian(read<std::uint16_t>()); }
  std::uint32_t u32_be() { return to_big_endian(read<std::uint32_t>()); }
  std::uint16_t u16_le() { return read<std::uint16_t>(); }
  std::uint32_t u32_le() { return read<std::uint32_t>(); }

  // The next `count` bytes, or an empty span when fewer are left.
  std::span<const std::uint8_t> bytes(std::size_t count) {
    if (!take(count)) return {};
    return bytes_.subspan(position_ - count, count);
  }
  void skip(std::size_t count) { static_cast<void>(take(count)); }

 private:
  bool take(std::size_t count) {
    if (!ok_ || count > remaining()) {
      ok_ = false;
      return false;
    }
    position_ += count;
    return true;
  }
  template <class T>
  T read() {
    T value = 0;
    if (take(sizeof(T))) std::memcpy(&value, bytes_.data() + position_ - sizeof(T), sizeof(T));
    return value;
  }

  std::span<const std::uint8_t> bytes_;
  std::size_t position_ = 0;
  bool ok_ = true;
};

class ByteWriter {
 public:
  explicit ByteWriter(std::span<std::uint8_t> bytes) : bytes_(bytes) {}

  std::size_t position() const { return position_; }
  std::size_t remaining() const { return bytes_.size() - position_; }
  std::span<std::uint8_t> written() const { return bytes_.first(position_); }

  void u8(std::uint8_t value) { write(value); }
  void u16_be(std::uint16_t value) { write(to_big_endian(value)); }
  void u32_be(std::uint32_t value) { write(to_big_endian(value)); }
  void u16_le(std::uint16_t value) { write(value); }
  void u32_le(std::uint32_t value) { write(value); }
  void bytes(std::span<const std::uint8_t> source) {
    PENSTOCK_ASSERT(source.size() <= remaining());
    if (!source.empty()) std::memcpy(bytes_.data() + position_, source.data(), source.size());
    position_ += source.size();
  }
  void zeros(std::size_t count) {
    PENSTOCK_ASSERT(count <= remaining());
    if (count > 0) std::memset(bytes_.data() + position_, 0, count);
    position_ += count;
  }

 private:
  template <class T>
  void write(T value) {
    PENSTOCK_ASSERT(sizeof(T) <= remaining());
    std::memcpy(bytes_.data() + position_, &value, sizeof(T));
    position_ += sizeof(T);
  }

  std::span<std::uint8_t> bytes_;
  std::size_t position_ = 0;
};

}  // namespace penstock
