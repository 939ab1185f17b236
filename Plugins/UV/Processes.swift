// SPDX-License-Identifier: Apache-2.0
internal import CUV
internal import Glibc
package import MartletTransport

/// Children of this process, and the signals to it. A child's input is empty; its output goes
/// where this process's goes.
package final class UVProcesses: Processes {
    private let loop: UVLoop

    package init(loop: UVLoop) { self.loop = loop }

    package var processID: Int32 { getpid() }

    package func start(
        _ executable: String, arguments: [String], environment: [String: String]?,
        exited: @escaping (ProcessExit) -> Void
    ) throws(TransportError) -> any RunningProcess {
        let words = [executable] + arguments
        let settings = environment.map { environment in
            environment.map { "\($0.key)=\($0.value)" }.sorted()
        }
        guard (words + (settings ?? [])).allSatisfy({ !$0.utf8.contains(0) }) else {
            throw TransportError.other("an argument contains a zero byte")
        }
        let child = Child(loop: loop, exited: exited)
        do throws(TransportError) {
            try child.spawn(executable, words, settings)
        } catch {
            child.closeHandle()
            throw error
        }
        return child
    }

    package func onSignal(
        _ signal: Int32, received: @escaping () -> Void
    ) throws(TransportError) {
        let watch = SignalWatch(loop: loop, received: received)
        do throws(TransportError) {
            try watch.start(signal)
        } catch {
            watch.closeHandle()
            throw error
        }
    }
}

@safe
private final class Child: Handle, RunningProcess {
    private(set) var processID: Int32 = 0
    private var exited: ((ProcessExit) -> Void)?

    init(loop: UVLoop, exited: @escaping (ProcessExit) -> Void) {
        self.exited = exited
        super.init(loop: loop, kind: UV_PROCESS)
        retainForLibUV()
    }

    private var process: UnsafeMutablePointer<uv_process_t> {
        unsafe memory.assumingMemoryBound(to: uv_process_t.self)
    }

    /// Once; initialises the handle, also when it fails.
    func spawn(
        _ executable: String, _ words: [String], _ settings: [String]?
    ) throws(TransportError) {
        let data = unsafe base.pointee.data
        let code = unsafe Self.withStrings(words) { argv in
            unsafe Self.withStrings(settings ?? []) { envp in
                var stdio = unsafe [uv_stdio_container_t(), .init(), .init()]
                unsafe stdio[0].flags = UV_IGNORE
                for descriptor in 1...2 {
                    unsafe stdio[descriptor].flags = UV_INHERIT_FD
                    unsafe stdio[descriptor].data.fd = Int32(descriptor)
                }
                return unsafe stdio.withUnsafeMutableBufferPointer { stdio in
                    var options = unsafe uv_process_options_t()
                    unsafe options.exit_cb = { handle, status, signal in
                        unsafe Handle.of(UnsafeRawPointer(handle), as: Child.self)
                            .ended(status, signal)
                    }
                    unsafe options.args = argv
                    unsafe options.env = settings == nil ? nil : envp
                    unsafe options.stdio = stdio.baseAddress
                    unsafe options.stdio_count = Int32(stdio.count)
                    return unsafe executable.withCString { file in
                        unsafe options.file = file
                        return unsafe uv_spawn(loop.uv, process, &options)
                    }
                }
            }
        }
        // Initialising the handle does not keep what it was given before.
        unsafe base.pointee.data = data
        try code.throwingTransportError()
        processID = unsafe process.pointee.pid
    }

    func send(signal: Int32) {
        loop.preconditionOnLoop()
        // A process that is gone gets nothing.
        if !isClosing { unsafe _ = uv_process_kill(process, signal) }
    }

    private func ended(_ status: Int64, _ signal: Int32) {
        closeHandle()
        let told = exited
        exited = nil
        told?(signal != 0 ? .signal(signal) : .code(Int32(truncatingIfNeeded: status)))
    }

    override func handleClosed() { exited = nil }

    /// The strings as C wants an argument list: pointers, and a null at the end.
    private static func withStrings<Result>(
        _ strings: [String],
        _ body: (UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>?) -> Result
    ) -> Result {
        var pointers = unsafe strings.map { unsafe strdup($0) }
        unsafe pointers.append(nil)
        defer { unsafe pointers.forEach { unsafe free($0) } }
        return unsafe pointers.withUnsafeMutableBufferPointer { unsafe body($0.baseAddress) }
    }
}

@safe
private final class SignalWatch: Handle {
    private var received: (() -> Void)?

    init(loop: UVLoop, received: @escaping () -> Void) {
        self.received = received
        super.init(loop: loop, kind: UV_SIGNAL)
        unsafe UVLoop.succeed(uv_signal_init(loop.uv, signal))
        retainForLibUV()
    }

    private var signal: UnsafeMutablePointer<uv_signal_t> {
        unsafe memory.assumingMemoryBound(to: uv_signal_t.self)
    }

    func start(_ number: Int32) throws(TransportError) {
        try unsafe uv_signal_start(
            signal,
            { handle, _ in
                unsafe Handle.of(UnsafeRawPointer(handle), as: SignalWatch.self).received?()
            }, number
        ).throwingTransportError()
    }

    override func handleClosed() { received = nil }
}
