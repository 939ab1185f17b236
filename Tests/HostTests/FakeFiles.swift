// SPDX-License-Identifier: Apache-2.0

import MartletHost
import MartletTransport

/// A file system of texts, by their paths; only what reading configuration needs.
struct FakeFiles: Files {
    var texts: [String: String] = [:]

    func read(_ path: String, limitBytes: Int) throws(FileError) -> [UInt8] {
        guard let text = texts[path] else { throw .notFound(path: path) }
        guard text.utf8.count <= limitBytes else {
            throw .tooLarge(path: path, limitBytes: limitBytes)
        }
        return Array(text.utf8)
    }

    func list(_ path: String) throws(FileError) -> [String] {
        let names = texts.keys.filter { $0.hasPrefix(path + "/") }
            .map { String($0.dropFirst(path.count + 1).prefix { $0 != "/" }) }
        return Set(names).sorted()
    }

    func isDirectory(_ path: String) -> Bool {
        texts.keys.contains { $0.hasPrefix(path + "/") }
    }

    func exists(_ path: String) -> Bool { texts[path] != nil || isDirectory(path) }
    func isReadableByOthers(_ path: String) -> Bool { path.hasSuffix("-open") }

    func readEnd(_ path: String, limitBytes: Int) throws(FileError) -> FileEnd {
        let bytes = try read(path, limitBytes: .max)
        return FileEnd(bytes: Array(bytes.suffix(limitBytes)), sizeBytes: bytes.count)
    }

    func read(_ path: String, from offset: Int, limitBytes: Int) throws(FileError) -> [UInt8] {
        Array(try read(path, limitBytes: .max).dropFirst(offset).prefix(limitBytes))
    }

    func append(_ bytes: [UInt8], to path: String) throws(FileError) { throw .denied(path: path) }
    func appendDurably(_ bytes: [UInt8], to path: String) throws(FileError) {
        throw .denied(path: path)
    }
    func makeDirectory(_ path: String) throws(FileError) { throw .denied(path: path) }
    func replace(_ path: String, with bytes: [UInt8]) throws(FileError) {
        throw .denied(path: path)
    }
    func rename(_ path: String, to newPath: String) throws(FileError) { throw .denied(path: path) }
    func remove(_ path: String) throws(FileError) { throw .denied(path: path) }
    func lock(_ directory: String) throws(FileError) -> any FileLock {
        throw .denied(path: directory)
    }
}

/// Loads one file, `/c.json`, after the arguments.
func load(
    _ json: String, _ arguments: [String] = []
) throws(ConfigurationFailure) -> LoadedConfiguration {
    let files = FakeFiles(texts: ["/c.json": json])
    return try AgentConfiguration.load(
        arguments: ["-config", "/c.json"] + arguments, files: files, hostName: "host"
    ).get()
}

/// Loads a development server with these flags and no file.
func loadDev(_ arguments: [String]) throws(ConfigurationFailure) -> AgentConfiguration {
    try AgentConfiguration.load(
        arguments: ["-dev"] + arguments, files: FakeFiles(), hostName: "host"
    ).get().configuration
}

/// What keeps a development server with this file from starting; nil if nothing does.
func failure(of json: String, _ arguments: [String] = ["-dev"]) -> ConfigurationFailure? {
    do throws(ConfigurationFailure) {
        _ = try load(json, arguments)
        return nil
    } catch {
        return error
    }
}
