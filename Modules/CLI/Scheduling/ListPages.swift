// SPDX-License-Identifier: Apache-2.0
import MartletClient

/// Which rows of a list are wanted, and how many at a time: the server chooses.
enum ListPages {
    static let flags = [
        Flag(
            "filter", .text("EXPRESSION"),
            "Only those for which it is true, such as 'Status == \"ready\"'."),
        Flag("page-token", .text("TOKEN"), "Go on where the page before ended."),
        Flag("per-page", .count, "So many at a time."),
    ]
}

extension Invocation {
    /// A list, or the page of it that is asked for.
    func page(
        _ path: String, query: [(String, String)] = [], failing: String
    ) throws(CLIFailure) -> ClientResponse {
        let names = [("filter", "filter"), ("page-token", "next_token"), ("per-page", "per_page")]
        let chosen = names.compactMap { flag, name in values.text(flag).map { (name, $0) } }
        return try success(.get, path, query: query + chosen, failing: failing)
    }

    /// Beside the list: how to go on where it does not end here.
    func tellNextPage(after response: ClientResponse) {
        guard let token = response.header("X-Nomad-NextToken"), !token.isEmpty else { return }
        let words = [command.name] + values.operands.map { Text.line($0) }
        note(
            "Results have been paginated. To get the next page run:\n\n"
                + "martlet \(words.joined(separator: " ")) -page-token \(Text.line(token))")
    }
}
