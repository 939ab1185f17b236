// SPDX-License-Identifier: Apache-2.0
internal import CUV
internal import Glibc
package import MartletTransport

/// Children of this process, the signals to it, and its standard input.
package final class UVProcesses: Processes {
    private let loop: UVLoop
    /// Once it is read.
    private var input: StandardInput?

    package init(loop: UVLoop) { self.loop = loop }

    package var processID: Int32 { getpid() }

    package func start(
        _ executable: String, arguments: [String], environment: [String: String]?,
        streams: ChildStreams, exited: @escaping (ProcessExit) -> Void
    ) throws(TransportError) -> any RunningProcess {
        let words = [executable] + arguments
        let settings = environment.map { environment in
            environment.map { "\($0.key)=\($0.value)" }.sorted()
        }
        guard (words + (settings ?? [])).allSatisfy({ !$0.utf8.contains(0) }) else {
            throw TransportError.other("an argument contains a zero byte")
        }
        var descriptors = try ChildDescriptors.open(streams)
        let child = Child(loop: loop, exited: exited)
        do throws(TransportError) {
            try child.spawn(
                executable, words, settings, &descriptors, apart: streams.isInOwnSession)
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

extension UVProcesses {
    package func onParentsEnd(_ ended: @escaping () -> Void) throws(TransportError) {
        guard StandardInput.kind == .stream else {
            throw TransportError.other("the standard input is no pipe that anybody could hold open")
        }
        _ = cuv_continue_at_parents_end()
        try readInput(byKey: false) { bytes in
            if bytes == nil { ended() }
        }
    }

    package func readInput(
        byKey: Bool, received: @escaping ([UInt8]?) -> Void
    ) throws(TransportError) {
        precondition(input == nil, "the standard input is read already")
        input = try StandardInput.open(on: loop, byKey: byKey, received: received)
    }

    package func restoreTerminal() { _ = uv_tty_reset_mode() }
}

/// Descriptors that a child is given: copies of its own, so that these are closed once it runs.
private struct ChildDescriptors: ~Copyable {
    /// nil for an empty input.
    private(set) var input: Int32?
    /// The other end of the input: as long as it is open the child's input is.
    private var held: Int32?
    /// nil for this process's own.
    private(set) var output: Int32?

    static func open(_ streams: ChildStreams) throws(TransportError) -> ChildDescriptors {
        // Whatever is open when this throws is closed by `deinit`.
        var made = ChildDescriptors()
        if streams.input == .open {
            var ends: [Int32] = [-1, -1]
            // Both are closed by whatever other program this process starts.
            try unsafe uv_pipe(&ends, 0, 0).throwingTransportError()
            (made.input, made.held) = (ends[0], ends[1])
        }
        if case .file(let path) = streams.output {
            let number = unsafe Glibc.open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o600)
            let code = -errno
            guard number >= 0 else {
                throw .other(unsafe "\(path): \(String(cString: uv_strerror(code)))")
            }
            made.output = number
        }
        return made
    }

    /// The end that is kept, from here on the caller's.
    mutating func takeHeld() -> Int32? { held.take() }

    deinit {
        for descriptor in [input, held, output] { if let descriptor { _ = close(descriptor) } }
    }
}

@safe
private final class Child: Handle, RunningProcess {
    private(set) var processID: Int32 = 0
    private var exited: ((ProcessExit) -> Void)?
    /// Keeps the child's input open.
    private var held: Int32?

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
        _ executable: String, _ words: [String], _ settings: [String]?,
        _ descriptors: inout ChildDescriptors, apart isInOwnSession: Bool
    ) throws(TransportError) {
        let data = unsafe base.pointee.data
        let given = [descriptors.input, descriptors.output ?? 1, descriptors.output ?? 2]
        let code = unsafe Self.withStrings(words) { argv in
            unsafe Self.withStrings(settings ?? []) { envp in
                var stdio = unsafe [uv_stdio_container_t(), .init(), .init()]
                for (place, descriptor) in given.enumerated() {
                    unsafe stdio[place].flags = descriptor == nil ? UV_IGNORE : UV_INHERIT_FD
                    unsafe stdio[place].data.fd = descriptor ?? -1
                }
                return unsafe stdio.withUnsafeMutableBufferPointer { stdio in
                    var options = unsafe uv_process_options_t()
                    unsafe options.exit_cb = { handle, status, signal in
                        unsafe Handle.of(UnsafeRawPointer(handle), as: Child.self)
                            .ended(status, signal)
                    }
                    if isInOwnSession {
                        unsafe options.flags = UV_PROCESS_DETACHED.rawValue
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
        // Of a path it is no peer that is missing.
        guard code >= 0 else {
            throw .other(unsafe "\(executable): \(String(cString: uv_strerror(code)))")
        }
        processID = unsafe process.pointee.pid
        held = descriptors.takeHeld()
    }

    func send(signal: Int32) {
        loop.preconditionOnLoop()
        // A process that is gone gets nothing.
        if !isClosing { unsafe _ = uv_process_kill(process, signal) }
    }

    private func ended(_ status: Int64, _ signal: Int32) {
        closeHandle()
        releaseInput()
        let told = exited
        exited = nil
        told?(signal != 0 ? .signal(signal) : .code(Int32(truncatingIfNeeded: status)))
    }

    override func handleClosed() {
        releaseInput()
        exited = nil
    }

    private func releaseInput() {
        if let held = held.take() { _ = close(held) }
    }

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
