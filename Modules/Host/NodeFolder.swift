// SPDX-License-Identifier: Apache-2.0
import MartletAPI
import MartletNode
import MartletServer
import MartletTransport

/// What a node that really runs tasks keeps between its lives: who it is, and what it runs.
///
///     FOLDER/node    its id and its secret
///     FOLDER/alloc, state   see SupervisedDriver
struct NodeFolder: Sendable {
    private static let identityBytesMax = 256

    let path: String
    let id: UniqueID
    let secret: UniqueID
    let left: SupervisedDriver.Left
    /// Held while this process lives.
    private let lock: any FileLock

    /// Opens a folder, and makes what is missing. Blocks: before the loop runs.
    init(
        _ path: String, _ plugins: HostPlugins
    ) throws(ConfigurationFailure) {
        self.path = path
        let files = plugins.files
        do throws(FileError) {
            try files.makeDirectory(path)
            lock = try files.lock(path)
            left = try SupervisedDriver.left(in: path, files)
        } catch {
            throw ConfigurationFailure(text: "\(error)", exitCode: 1)
        }
        (id, secret) = try Self.identity(in: "\(path)/node", plugins)
    }

    private static func identity(
        in file: String, _ plugins: HostPlugins
    ) throws(ConfigurationFailure) -> (UniqueID, UniqueID) {
        do throws(FileError) {
            if plugins.files.exists(file) {
                let bytes = try plugins.files.read(file, limitBytes: identityBytesMax)
                let words = String(decoding: bytes, as: UTF8.self).split(
                    whereSeparator: \.isWhitespace)
                guard words.count == 2, let id = UniqueID(String(words[0])),
                    let secret = UniqueID(String(words[1]))
                else {
                    throw FileError.failed(path: file, reason: "is not a node's id and secret")
                }
                return (id, secret)
            }
            let made = (try fresh(plugins), try fresh(plugins))
            try plugins.files.replace(file, with: Array("\(made.0) \(made.1)\n".utf8))
            return made
        } catch {
            throw ConfigurationFailure(text: "\(error)", exitCode: 1)
        }
    }

    private static func fresh(_ plugins: HostPlugins) throws(FileError) -> UniqueID {
        do throws(ConfigurationFailure) {
            return try UniqueID.make(by: plugins.crypto)
        } catch {
            throw .failed(path: "node", reason: error.text)
        }
    }
}
