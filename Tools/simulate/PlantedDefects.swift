// SPDX-License-Identifier: Apache-2.0
import Glibc

/// Tests the simulator itself: Tools/plant builds a copy of the sources with known defects in it, and
/// looks how many seeds it takes to find each.
struct PlantedDefects {
    private let names: [String]
    private let arguments: Arguments

    init(_ names: [String], _ arguments: Arguments) {
        self.names = names
        self.arguments = arguments
    }

    func run() -> Int32 {
        guard let tool = Self.tool() else {
            print(
                "error: Tools/plant is neither beside the sources that this program was built from "
                    + "nor in the current directory: start it in a checkout")
            return 2
        }
        var words = [tool] + names + ["--jobs", "\(arguments.jobs)"]
        if let seeds = arguments.seedsGiven { words += ["--seeds", "\(seeds)"] }
        guard let status = Self.wait(for: words) else {
            print("error: \(tool) cannot be started: is python3 there?")
            return 2
        }
        return status
    }

    private static func tool(sourceFile: String = #filePath) -> String? {
        // Tools/simulate/PlantedDefects.swift stands three steps below the root.
        let root = sourceFile.split(separator: "/").dropLast(3).joined(separator: "/")
        return ["/\(root)/Tools/plant", "Tools/plant"].first { path in
            // SAFETY: the C string lives as long as the call.
            unsafe access(path, X_OK) == 0
        }
    }

    /// The exit status; nil if nothing was started. It writes where this program does.
    private static func wait(for arguments: [String]) -> Int32? {
        // SAFETY: each C string lives until the child has been made.
        var words = unsafe arguments.map { unsafe strdup($0) }
        unsafe words.append(nil)
        defer { unsafe words.forEach { unsafe free($0) } }
        var child: pid_t = 0
        fflush(nil)
        guard unsafe posix_spawn(&child, arguments[0], nil, nil, &words, environ) == 0 else {
            return nil
        }
        var status: Int32 = 0
        // SAFETY: the status is written before it is read.
        unsafe waitpid(child, &status, 0)
        let signal = status & 0x7F
        return signal == 0 ? status >> 8 & 0xFF : 128 + signal
    }
}
