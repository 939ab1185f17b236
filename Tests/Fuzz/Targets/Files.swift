// SPDX-License-Identifier: Apache-2.0
import MartletServer

extension FuzzTarget {
    static let files: [FuzzTarget] = [
        peersFile, keyring,
        checked(.identityFile, "the record of who a server is"),
        checked(.membersFile, "the members that a server knew"),
    ]

    private static let peersFile = reencoding(
        "peers-file", "peers.json, by which a lost quorum is recovered",
        words: words(
            "[", "]", "{", "}", ",", "\"id\":", "\"address\":", "\"non_voter\":", "true", "false",
            "null", "\"6f2e9f1c-6c8e-4a35-8a5e-0c5d5f1f1a10\"", "\"10.1.0.1:4647\"", "\"ID\""),
        isCanonical: false
    ) { input in
        .of { Array(PeersFile.text(try PeersFile.parse(input)).utf8) }
    }

    private static let keyring = reencoding(
        "keyring", "the keys of gossip, as Serf writes them",
        words: words("[", "]", ",", "\"", "BwcHBwcHBwcHBwcHBwcHBw==", "=", "\\u0041", "null"),
        isCanonical: false
    ) { input in .of { try Keyring(file: input).file } }

    /// A file with a CRC-32C at its end: the mutated bytes are given the one that is right, or
    /// nothing behind it would ever be reached. Every sixteenth input goes as it is.
    private static func checked(_ subject: Reencoding, _ about: String) -> FuzzTarget {
        reencoding(name(subject), about, isCanonical: false) { input in
            .of { try subject(input.count % 16 == 15 ? input : Checksums.renewed(input)) }
        }
    }
}
