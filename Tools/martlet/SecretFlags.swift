// SPDX-License-Identifier: Apache-2.0
import Glibc

/// Secrets on the command line, which everybody on the machine may read (`ps`, `/proc/PID/cmdline`):
/// copied, then overwritten where the kernel shows them. For a moment after the start they can be
/// seen all the same: a file is the place for them, as the help says.
enum SecretFlags {
    private static let names = ["encrypt", "token"]

    /// The arguments as they were given. Called once, before anything else reads them.
    static func takeArguments() -> [String] {
        let arguments = CommandLine.arguments
        var isValue = false
        for (position, argument) in arguments.enumerated() {
            let dashes = argument.prefix { $0 == "-" }.utf8.count
            let name = argument.dropFirst(dashes).prefix { $0 != "=" }
            let isSecret = (1...2).contains(dashes) && names.contains(String(name))
            let kept = dashes + name.utf8.count + 1
            if isValue {
                hide(position, from: 0)
            } else if isSecret, argument.utf8.count >= kept {
                hide(position, from: kept)
            }
            isValue = isSecret && argument.utf8.count < kept
        }
        return arguments
    }

    private static func hide(_ position: Int, from start: Int) {
        // SAFETY: `position` is one of the arguments, each of which ends with a zero; no other thread
        // runs yet.
        unsafe CommandLine.unsafeArgv[position].map { text in
            let length = unsafe strlen(text)
            for offset in start..<max(start, length) {
                unsafe text[offset] = CChar(bitPattern: UInt8(ascii: "*"))
            }
        }
    }
}
