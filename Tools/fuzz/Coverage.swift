// SPDX-License-Identifier: Apache-2.0
import Glibc
import MartletFuzz

/// libFuzzer in the place of our own mutations: it sees which branches an input takes. It is found
/// when the program runs, so that builds without it are the same program.
enum Coverage {
    private typealias Callback = @convention(c) (UnsafePointer<UInt8>?, Int) -> Int32
    private typealias Driver =
        @convention(c) (
            UnsafeMutablePointer<Int32>,
            UnsafeMutablePointer<UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>?>, Callback
        ) -> Int32

    // SAFETY: set once, before libFuzzer's loop starts on the same thread, the only one that reads it.
    nonisolated(unsafe) private static var target: FuzzTarget?

    static func run(_ arguments: Arguments) -> Int32 {
        // SAFETY: libFuzzer's documented entry point has this signature.
        guard let symbol = unsafe dlsym(nil, "LLVMFuzzerRunDriver") else {
            print("this build has no coverage: Tools/sanitize fuzzer makes one")
            return 2
        }
        let drive = unsafe unsafeBitCast(symbol, to: Driver.self)
        unsafe target = arguments.targets[0]
        let name = arguments.targets[0].name
        let words =
            ["fuzz", "\(arguments.findings)/\(name).corpus", "\(arguments.corpus)/\(name)"]
            + ["-artifact_prefix=\(arguments.findings)/\(name)-", "-timeout=20"]
            + ["-max_len=\(arguments.targets[0].bytesMax)"]
            + (arguments.seconds > 0 ? ["-max_total_time=\(arguments.seconds)"] : [])
            + arguments.rest
        Disk.write([], to: "\(arguments.findings)/\(name).corpus/empty")
        var count = Int32(words.count)
        var pointers = unsafe words.map { unsafe strdup($0) }
        unsafe pointers.append(nil)
        return unsafe pointers.withUnsafeMutableBufferPointer { buffer in
            var start = buffer.baseAddress
            return unsafe drive(&count, &start, testOneInput)
        }
    }

    fileprivate static func execute(_ input: UnsafeBufferPointer<UInt8>) -> Int32 {
        // SAFETY: see above; libFuzzer calls on the thread that it was started on.
        guard let target = unsafe target else { return -1 }
        do throws(Finding) {
            _ = try target.run(unsafe Array(input))
        } catch {
            fatalError("finding: \(error)")
        }
        return 0
    }
}

/// By this name libFuzzer's own `main` asks for it, which is linked and never called.
@_cdecl("LLVMFuzzerTestOneInput")
func testOneInput(_ bytes: UnsafePointer<UInt8>?, _ length: Int) -> Int32 {
    unsafe Coverage.execute(UnsafeBufferPointer(start: bytes, count: length))
}
