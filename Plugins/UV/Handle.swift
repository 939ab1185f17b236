// SPDX-License-Identifier: Apache-2.0
internal import CUV
internal import MartletTransport

/// The owner of one libuv handle. libuv holds a reference to it until the handle has closed, and
/// the memory of the handle lives as long as this object.
@safe
class Handle {
    let loop: UVLoop
    let memory: UnsafeMutableRawPointer
    private(set) var isClosing = false

    init(loop: UVLoop, kind: uv_handle_type) {
        loop.preconditionOnLoop()
        self.loop = loop
        unsafe memory = .allocate(byteCount: uv_handle_size(kind), alignment: 16)
    }

    deinit { unsafe memory.deallocate() }

    final var base: UnsafeMutablePointer<uv_handle_t> {
        unsafe memory.assumingMemoryBound(to: uv_handle_t.self)
    }

    /// After libuv's initialisation of the handle, which must be closed from then on.
    final func retainForLibUV() {
        unsafe base.pointee.data = Unmanaged.passRetained(self).toOpaque()
    }

    /// May be called twice.
    final func closeHandle() {
        guard !isClosing else { return }
        isClosing = true
        handleCloses()
        unsafe uv_close(base) { handle in
            guard let data = unsafe handle?.pointee.data else { return }
            unsafe Unmanaged<Handle>.fromOpaque(data).takeRetainedValue().handleClosed()
        }
    }

    /// The handle is about to be closed.
    func handleCloses() {}

    /// The last call: the handle is gone.
    func handleClosed() {}

    /// The loop ends.
    func abandon() { closeHandle() }

    /// The owner of a handle, in a callback of libuv.
    static func of<Owner: Handle>(_ handle: UnsafeRawPointer?, as _: Owner.Type) -> Owner {
        guard let data = unsafe handle?.assumingMemoryBound(to: uv_handle_t.self).pointee.data
        else { preconditionFailure("a libuv callback without its owner") }
        return unsafe unsafeDowncast(
            Unmanaged<Handle>.fromOpaque(data).takeUnretainedValue(), to: Owner.self)
    }
}

/// Bytes on their way out, at an address that does not move while the kernel reads them.
@safe
struct OutputBuffer {
    private(set) var bytes: UnsafeMutablePointer<CChar>?
    private(set) var count = 0
    private(set) var capacity = 0

    mutating func append(_ more: Span<UInt8>) {
        if more.isEmpty { return }
        let needed = count + more.count
        if needed > capacity {
            let larger = max(needed, capacity * 2, 1024)
            let moved = UnsafeMutablePointer<CChar>.allocate(capacity: larger)
            if let bytes = unsafe bytes {
                unsafe moved.update(from: bytes, count: count)
                unsafe bytes.deallocate()
            }
            unsafe bytes = moved
            capacity = larger
        }
        guard let bytes = unsafe bytes else { return }
        unsafe more.withUnsafeBytes { source in
            guard let start = source.baseAddress else { return }
            unsafe UnsafeMutableRawPointer(bytes + count).copyMemory(
                from: start, byteCount: source.count)
        }
        count = needed
    }

    mutating func removeAll() { count = 0 }

    func free() { unsafe bytes?.deallocate() }
}
