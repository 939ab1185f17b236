// SPDX-License-Identifier: Apache-2.0
import MartletHTTP

/// A file of the web page. What is in it stands in `Tools/page`.
enum PageFile: Sendable, Equatable, CaseIterable {
    case document
    case style
    case script

    var path: String {
        switch self {
        case .document: "/ui/"
        case .style: "/ui/page.css"
        case .script: "/ui/page.js"
        }
    }

    var contentType: String {
        switch self {
        case .document: "text/html; charset=utf-8"
        case .style: "text/css; charset=utf-8"
        case .script: "text/javascript; charset=utf-8"
        }
    }

    /// Made once, not for each request.
    var bytes: [UInt8] {
        switch self {
        case .document: Self.documentBytes
        case .style: Self.styleBytes
        case .script: Self.scriptBytes
        }
    }

    private static let documentBytes = Array(PageText.document.utf8)
    private static let styleBytes = Array(PageText.style.utf8)
    private static let scriptBytes = Array(PageText.script.utf8)

    /// Weak, since the same file also leaves compressed.
    var tag: String {
        switch self {
        case .document: "W/\"\(PageText.documentDigest)\""
        case .style: "W/\"\(PageText.styleDigest)\""
        case .script: "W/\"\(PageText.scriptDigest)\""
        }
    }

    /// - Parameter had: a list of tags, or `*` (RFC 9110 §13.1.2).
    func isHad(_ had: String) -> Bool {
        had.split(separator: ",").contains { item in
            let item = item.trimmingBlanks
            return item == "*" || item == tag || "W/\(item)" == tag
        }
    }
}

/// What is answered where the page is asked for.
enum PageAnswer: Equatable {
    case file(PageFile)
    /// The client has it already.
    case unchanged(PageFile)
    case elsewhere

    var contentType: Response.ContentType {
        if case .file(let file) = self { .other(file.contentType) } else { .none }
    }

    /// The page may load its own script and style, ask its own server, and do nothing else; nobody
    /// may put it into another page. `trusted-types 'none'` makes the browser refuse what would
    /// read text as HTML.
    private static let policy =
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
        + "frame-ancestors 'none'; base-uri 'none'; form-action 'none'; "
        + "require-trusted-types-for 'script'; trusted-types 'none'"

    private static let guards = [
        HeaderField("Content-Security-Policy", policy),
        HeaderField("Cross-Origin-Opener-Policy", "same-origin"),
        HeaderField("Cross-Origin-Resource-Policy", "same-origin"),
        HeaderField("Referrer-Policy", "no-referrer"),
        HeaderField("X-Content-Type-Options", "nosniff"),
        HeaderField("X-Frame-Options", "DENY"),
        // Kept, and asked for again each time: after an upgrade nobody sees the old page.
        HeaderField("Cache-Control", "no-cache"),
    ]

    var fields: [HeaderField] {
        switch self {
        case .file(let file), .unchanged(let file): Self.guards + [HeaderField("ETag", file.tag)]
        case .elsewhere: Self.guards + [HeaderField("Location", PageFile.document.path)]
        }
    }

    var response: APIResponse {
        var response =
            switch self {
            case .file(let file): APIResponse(status: 200, content: .text, body: file.bytes)
            case .unchanged: APIResponse(status: 304, content: .none, body: [])
            case .elsewhere: APIResponse(status: 307, content: .none, body: [])
            }
        response.page = self
        return response
    }
}

extension Server {
    func page(_ file: PageFile, _ call: Call) -> APIResponse {
        if case .page(let had?) = call.wish, file.isHad(had) {
            return PageAnswer.unchanged(file).response
        }
        return PageAnswer.file(file).response
    }
}

extension Substring {
    fileprivate var trimmingBlanks: Substring {
        var rest = self
        while let first = rest.first, first == " " || first == "\t" { rest.removeFirst() }
        while let last = rest.last, last == " " || last == "\t" { rest.removeLast() }
        return rest
    }
}
