// SPDX-License-Identifier: Apache-2.0
import Glibc
import MartletFuzz

/// Takes away from an input what it does not need to break the target in the same way.
struct Minimizer {
    let target: FuzzTarget
    let scratch: String
    /// How the process ended.
    let status: Int32

    private static let triesMax = 2_000

    func minimized(_ input: [UInt8]) -> [UInt8] {
        // What hangs would take its time with every try.
        guard status != 128 + SIGKILL, status != Worker.slow, breaks(input) else { return input }
        var bytes = input
        var tries = 0
        var piece = max(1, bytes.count / 2)
        while piece > 0 {
            var place = 0
            while place < bytes.count, tries < Self.triesMax {
                tries += 1
                var shorter = bytes
                shorter.removeSubrange(place..<min(bytes.count, place + piece))
                if breaks(shorter) { bytes = shorter } else { place += piece }
            }
            piece /= 2
        }
        return bytes
    }

    private func breaks(_ input: [UInt8]) -> Bool {
        let path = "\(scratch).minimize"
        defer {
            Disk.remove(path)
            Disk.remove(path + ".out")
        }
        Disk.write(input, to: path)
        let process = ChildProcess(
            ["--execute", path, "--target", target.name], output: path + ".out")
        return process?.wait() == status
    }
}
