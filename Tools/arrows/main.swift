// SPDX-License-Identifier: Apache-2.0
//
// Compares every import with the table of allowed arrows, and looks for what modules may not touch.
//
//     swift run arrows [ROOT]        check the tree; exit 1 when something was found
//     swift run arrows --self-test   check the checker

import Foundation

/// The Swift files below the four folders, as paths from the root, sorted.
func swiftFiles(in root: URL) -> [String] {
    let base = root.standardizedFileURL.path + "/"
    return ["Modules", "Plugins", "Tests", "Tools"].flatMap { folder -> [String] in
        let start = root.appendingPathComponent(folder)
        guard let walk = FileManager.default.enumerator(at: start, includingPropertiesForKeys: nil)
        else { return [] }
        return walk.compactMap { item in
            guard let url = item as? URL, url.pathExtension == "swift" else { return nil }
            let path = url.standardizedFileURL.path
            return path.hasPrefix(base) ? String(path.dropFirst(base.count)) : nil
        }
    }.sorted()
}

func fail(_ text: String) -> Never {
    FileHandle.standardError.write(Data((text + "\n").utf8))
    exit(1)
}

let arguments = CommandLine.arguments.dropFirst()
if arguments.first == "--self-test" {
    let failures = SelfTest.failures()
    for failure in failures { print(failure) }
    print("arrows: \(SelfTest.count - failures.count) of \(SelfTest.count) self-tests hold")
    exit(failures.isEmpty ? 0 : 1)
}

let root = URL(fileURLWithPath: arguments.first ?? FileManager.default.currentDirectoryPath)
let paths = swiftFiles(in: root)
guard !paths.isEmpty else { fail("arrows: no Swift files below \(root.path): is it the root?") }

var all: [Finding] = []
for path in paths {
    do {
        let text = try String(contentsOf: root.appendingPathComponent(path), encoding: .utf8)
        all += findings(in: path, text: text)
    } catch {
        fail("arrows: \(path): cannot be read as UTF-8: \(error)")
    }
}
for finding in all { print(finding) }
print("arrows: \(paths.count) files, \(all.count) findings")
exit(all.isEmpty ? 0 : 1)
