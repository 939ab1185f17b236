// SPDX-License-Identifier: Apache-2.0

/// 127 bits that stand for a state. Among n states some two share theirs with a probability of about
/// n² / 2^128: for a hundred million states less than 10^-22. A shared one would hide a state, never
/// invent a violation.
struct Fingerprint: Equatable {
    var high: UInt64
    var low: UInt64

    /// Two lanes of multiply and shift with constants of their own; equal on every machine.
    init(of words: [UInt16]) {
        var first: UInt64 = 0x243F_6A88_85A3_08D3 ^ UInt64(words.count)
        var second: UInt64 = 0x1319_8A2E_0370_7344
        var position = 0
        while position < words.count {
            var word: UInt64 = 0
            for offset in 0..<4 where position + offset < words.count {
                word |= UInt64(words[position + offset]) << (16 * offset)
            }
            first = Self.mix((first ^ word) &* 0x9E37_79B9_7F4A_7C15)
            second = Self.mix((second &+ word) &* 0xD6E8_FEB8_6659_FD93)
            position += 4
        }
        high = Self.mix(first &* 0xBF58_476D_1CE4_E5B9)
        low = Self.mix(second &* 0x94D0_49BB_1331_11EB) | 1  // Never 0: that is an empty slot.
    }

    private static func mix(_ word: UInt64) -> UInt64 { word ^ word >> 29 ^ word >> 47 }
}

/// A set of fingerprints: open addressing with linear probing, at most three quarters full, 16 bytes
/// for each slot.
struct FingerprintTable {
    private var slots: [SIMD2<UInt64>]
    private(set) var count = 0

    init(capacity: Int = 1 << 16) { slots = Array(repeating: .zero, count: capacity) }

    /// False if it was there.
    mutating func insert(_ fingerprint: Fingerprint) -> Bool {
        if (count + 1) * 4 > slots.count * 3 { grow() }
        let entry = SIMD2(fingerprint.high, fingerprint.low)
        let slot = Self.slot(of: entry, in: slots)
        guard slots[slot] == .zero else { return false }
        slots[slot] = entry
        count += 1
        return true
    }

    /// Where it is, or where it would go.
    private static func slot(of entry: SIMD2<UInt64>, in slots: [SIMD2<UInt64>]) -> Int {
        let mask = slots.count - 1
        var slot = Int(truncatingIfNeeded: entry.x) & mask
        while slots[slot] != .zero, slots[slot] != entry { slot = (slot + 1) & mask }
        return slot
    }

    private mutating func grow() {
        var larger = Array(repeating: SIMD2<UInt64>.zero, count: slots.count * 2)
        for entry in slots where entry != .zero { larger[Self.slot(of: entry, in: larger)] = entry }
        slots = larger
    }
}
