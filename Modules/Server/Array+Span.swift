// SPDX-License-Identifier: Apache-2.0

extension Array where Element == UInt8 {
    /// Appends a copy of the span's bytes, as one copy of memory.
    mutating func append(copying bytes: Span<UInt8>) {
        // SAFETY: the pointer is used within the closure only, for as many bytes as the span has.
        unsafe bytes.withUnsafeBufferPointer { unsafe append(contentsOf: $0) }
    }
}
