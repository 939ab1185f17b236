// SPDX-License-Identifier: Apache-2.0
import MartletServer
package import MartletTransport

/// `martlet operator gossip keyring generate`, and `operator keygen` as it was called before: prints a
/// new key for `encrypt`.
package enum KeygenCommand {
    package static let help = """
        Usage: martlet operator gossip keyring generate

          Prints 32 random bytes in base64: a key for server { encrypt = "..." }, or to
          install in a cluster that runs. The same key goes to every server.

        """

    /// Exit code 0 with a key on standard output, 1 when there are no random bytes, 2 for a wrong
    /// command line.
    package static func run(arguments: [String], plugins: HostPlugins) -> Int32 {
        switch outcome(of: arguments, crypto: plugins.crypto) {
        case .success(let text):
            plugins.writeOutput(text)
            return 0
        case .failure(let failure):
            plugins.writeError("\(failure.text)\n")
            return failure.exitCode
        }
    }

    /// What is printed, for the arguments that follow the command's name.
    package static func outcome(
        of arguments: [String], crypto: any Crypto
    ) -> Result<String, ConfigurationFailure> {
        switch arguments.first {
        case "-h", "-help", "--help": return .success(help)
        case let extra?:
            return .failure(
                ConfigurationFailure(text: "unexpected argument \(quoted(extra))", exitCode: 2))
        case nil: break
        }
        do {
            let key = try GossipKey(bytes: try crypto.secureRandomBytes(32))
            return .success("\(key.base64)\n")
        } catch {
            return .failure(ConfigurationFailure(text: "no key: \(error)", exitCode: 1))
        }
    }
}
