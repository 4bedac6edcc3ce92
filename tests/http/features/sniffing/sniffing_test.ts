import { describe, it } from "node:test";
import { assert, assertEquals } from "@std/assert";
import { isNoSniff, needsBytes, sniffMediaType } from "../../../../http/features/sniffing/sniff.ts";
import { parseMediaType } from "../../../../http/protocol/media_type.ts";
import { SeededRandom } from "../../../_support/random.ts";

function bytes(text: string): Uint8Array {
  return Uint8Array.from(text, (character) => character.charCodeAt(0));
}

function sniff(text: string, contentType?: string, noSniff = false): string {
  return sniffMediaType(bytes(text), { contentType, noSniff });
}

/** An MPEG audio frame of layer III: 128 kbit/s at 44.1 kHz makes 417 bytes. */
const MP3_FRAME = "\xff\xfb\x90\x00" + "\0".repeat(413);

describe("sniffing of a type nobody declared", () => {
  const table: [string, string][] = [
    ["<!DOCTYPE html>", "text/html"],
    ["<!doctype HTML ", "text/html"],
    ["\n\t <html>", "text/html"],
    ["<HeAd >", "text/html"],
    ["<script>", "text/html"],
    ["<iframe ", "text/html"],
    ["<h1>", "text/html"],
    ["<div ", "text/html"],
    ["<font>", "text/html"],
    ["<table>", "text/html"],
    ["<a ", "text/html"],
    ["<style>", "text/html"],
    ["<title>", "text/html"],
    ["<b>", "text/html"],
    ["<body>", "text/html"],
    ["<br>", "text/html"],
    ["<p>", "text/html"],
    ["<!-- ", "text/html"],
    ["  <?xml version", "text/xml"],
    ["%PDF-1.7", "application/pdf"],
    ["%!PS-Adobe-3.0", "application/postscript"],
    ["\xfe\xff\0a", "text/plain"],
    ["\xff\xfea\0", "text/plain"],
    ["\xef\xbb\xbfa", "text/plain"],
    ["\0\0\x01\0", "image/x-icon"],
    ["\0\0\x02\0", "image/x-icon"],
    ["BM", "image/bmp"],
    ["GIF87a", "image/gif"],
    ["GIF89a", "image/gif"],
    ["RIFF\x01\x02\x03\x04WEBPVP8 ", "image/webp"],
    ["\x89PNG\r\n\x1a\n", "image/png"],
    ["\xff\xd8\xff\xe0", "image/jpeg"],
    [".snd", "audio/basic"],
    ["FORM\x01\x02\x03\x04AIFF", "audio/aiff"],
    ["ID3\x04", "audio/mpeg"],
    ["OggS\0", "application/ogg"],
    ["MThd\0\0\0\x06", "audio/midi"],
    ["RIFF\x01\x02\x03\x04AVI ", "video/avi"],
    ["RIFF\x01\x02\x03\x04WAVE", "audio/wave"],
    ["\0\0\0\x18ftypmp42\0\0\0\0isommp42", "video/mp4"],
    ["\0\0\0\x14ftypisom\0\0\0\0mp41", "video/mp4"],
    ["\x1a\x45\xdf\xa3\x01\0\0\0\0\0\0\x1f\x42\x86\x81\x01\x42\x82\x84webm", "video/webm"],
    ["\x1a\x45\xdf\xa3\x9f\x42\x82\x88\0\0\0\0webm", "video/webm"],
    [MP3_FRAME + MP3_FRAME, "audio/mpeg"],
    ["\x1f\x8b\x08", "application/x-gzip"],
    ["PK\x03\x04", "application/zip"],
    ["Rar \x1a\x07\0", "application/x-rar-compressed"],
    ["just words\r\n\f\x1b[0m", "text/plain"],
    ["", "text/plain"],
    ["words\0", "application/octet-stream"],
    ["\x01", "application/octet-stream"],
  ];

  it("follows every row of the standard's tables", () => {
    for (const [text, type] of table) {
      for (const declared of [undefined, "unknown/unknown", "application/unknown; a=b", "*/*", "no type"]) {
        assertEquals(sniff(text, declared), type, JSON.stringify(text));
      }
    }
  });

  it("comes close to the tables without a match", () => {
    const near: [string, string][] = [
      ["<htmlx>", "text/plain"],
      ["<!DOCTYPE html", "text/plain"],
      ["<b", "text/plain"],
      ["<!xml version", "text/plain"],
      [" %PDF-", "text/plain"],
      ["GIF88a", "text/plain"],
      ["RIFF\x01\x02\x03\x04WEBP", "application/octet-stream"],
      ["\x89PNG\r\n\x1a", "application/octet-stream"],
      ["\xff\xfe", "text/plain"],
      ["\0\0\0\x18ftypqt  \0\0\0\0qt  qt  ", "application/octet-stream"],
      ["\0\0\0\x1cftypisom\0\0\0\0mp41", "application/octet-stream"],
      ["\x1a\x45\xdf\xa3\x9f\x42\x82\x88matroska", "application/octet-stream"],
      [MP3_FRAME, "application/octet-stream"],
      [MP3_FRAME + "\xff\xff\xff\xff", "application/octet-stream"],
    ];
    for (const [text, type] of near) assertEquals(sniff(text), type, JSON.stringify(text.slice(0, 40)));
  });

  it("never makes something that runs scripts under nosniff", () => {
    assertEquals(sniff("<html>", undefined, true), "text/plain");
    assertEquals(sniff("%PDF-1.7", undefined, true), "text/plain");
    assertEquals(sniff("GIF89a", undefined, true), "image/gif");
  });

  it("looks at 1445 bytes and no further", () => {
    assertEquals(sniff("a".repeat(1444) + "\0"), "application/octet-stream");
    assertEquals(sniff("a".repeat(1445) + "\0"), "text/plain");
  });
});

describe("sniffing of a declared type", () => {
  it("tells binary from text for the types old Apache servers give everything", () => {
    for (
      const type of [
        "text/plain",
        "text/plain; charset=ISO-8859-1",
        "text/plain; charset=iso-8859-1",
        "text/plain; charset=UTF-8",
        "text/html, text/plain",
      ]
    ) {
      assertEquals(sniff("a\0b", type), "application/octet-stream", type);
      assertEquals(sniff("<html>", type), "text/plain", type);
      assertEquals(sniff("\xfe\xff\0a", type), "text/plain", type);
      assertEquals(sniff("\xef\xbb\xbf\0", type), "text/plain", type);
    }
    for (const type of ["text/plain;charset=UTF-8", "text/plain; charset=utf-8", "text/plain; charset=ISO-8859-15"]) {
      assertEquals(sniff("a\0b", type), type.replace("; ", ";"), type);
    }
  });

  it("believes XML, scripts, JSON and the like", () => {
    for (const type of ["text/xml", "application/xml", "image/svg+xml", "text/css", "application/json", "font/woff"]) {
      assertEquals(sniff("GIF89a", type), type);
      assert(!needsBytes({ contentType: type }));
    }
  });

  it("finds feeds that are labelled as HTML", () => {
    const rdf = 'rdf:RDF xmlns="http://purl.org/rss/1.0/" x="http://www.w3.org/1999/02/22-rdf-syntax-ns#"';
    const feeds: [string, string][] = [
      ["<rss>", "application/rss+xml"],
      ["\xef\xbb\xbf <?xml version='1.0'?>\n<!-- <html> --><!DOCTYPE x>\n<feed>", "application/atom+xml"],
      [`<${rdf}>`, "application/rss+xml"],
      ["<rdf:RDF http://purl.org/rss/1.0/>", "text/html"],
      ["<html><rss>", "text/html"],
      ["x<rss>", "text/html"],
      ["<!-- <rss>", "text/html"],
      ["<?xml ", "text/html"],
      ["<", "text/html"],
      ["", "text/html"],
    ];
    for (const [text, type] of feeds) assertEquals(sniff(text, "text/html"), type, text);
    assertEquals(sniff("<html>", "text/html; charset=UTF-8"), "text/html;charset=UTF-8");
  });

  it("corrects images, audio and video within their kind", () => {
    assertEquals(sniff("GIF89a", "image/png"), "image/gif");
    assertEquals(sniff("<html>", "image/png"), "image/png");
    assertEquals(sniff("ID3", "image/png"), "image/png");
    assertEquals(sniff("ID3", "audio/ogg; codecs=opus"), "audio/mpeg");
    assertEquals(sniff("zzzz", "audio/ogg; codecs=opus"), "audio/ogg;codecs=opus");
    assertEquals(sniff("ID3", "application/ogg"), "audio/mpeg");
    assertEquals(sniff("GIF89a", "image/png", true), "image/png");
  });

  it("knows what a resource is loaded for", () => {
    const load = (text: string, context: "image" | "audio-or-video" | "font", contentType: string): string =>
      sniffMediaType(bytes(text), { context, contentType });
    assertEquals(load("wOF2", "font", "application/octet-stream"), "font/woff2");
    assertEquals(load("\0\x01\0\0", "font", "text/plain"), "font/ttf");
    assertEquals(load("OTTO", "font", "x/y"), "font/otf");
    assertEquals(load("ttcf", "font", "x/y"), "font/collection");
    assertEquals(load("wOFF", "font", "x/y"), "font/woff");
    assertEquals(load("\0".repeat(34) + "LP", "font", "x/y"), "application/vnd.ms-fontobject");
    assertEquals(load("GIF89a", "image", "text/plain"), "image/gif");
    assertEquals(load("GIF89a", "image", "image/svg+xml"), "image/svg+xml");
    assertEquals(load("nothing", "audio-or-video", "text/plain"), "text/plain");
  });

  it("obeys nosniff as Fetch reads it", () => {
    for (const value of ["nosniff", "NoSniff", " nosniff , x"]) assert(isNoSniff(value), value);
    for (const value of ["x, nosniff", "", "nosniffx", null]) assert(!isNoSniff(value), String(value));
  });

  it("answers with a type for whatever a server sends", () => {
    const random = new SeededRandom(2026);
    const starts = [
      "\0\0\0\x18ftyp",
      "\x1a\x45\xdf\xa3",
      "\x42\x82",
      "\xff\xfb\x90\0",
      "<!--",
      "<rdf:RDF",
      "RIFF",
      "<?",
    ];
    const types = ["text/html", "text/plain", "audio/mpeg", "image/x", ";", ",", '"', "charset=", "*/*", "a/b;c=d"];
    for (let round = 0; round < 3000; round++) {
      const data = bytes(random.pick(starts) + String.fromCharCode(...random.bytes(random.integer(0, 60))));
      const type = sniffMediaType(data, { contentType: random.fieldValue(types), noSniff: random.next() < 0.2 });
      assert(parseMediaType(type) !== undefined, type);
    }
  });
});
