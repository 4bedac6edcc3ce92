// The keys, messages and signatures that RFC 9421 prints: appendix B and the examples of sections 2 to 4.
import type { PublicJwk } from "../../../../http/features/signatures/signer.ts";
import type { SignableRequest, SignableResponse } from "../../../../http/features/signatures/message_parts.ts";

/** The RSA key of §B.1.1, with its private half. */
export const rsaPrivateKey = `-----BEGIN RSA PRIVATE KEY-----
MIIEqAIBAAKCAQEAhAKYdtoeoy8zcAcR874L8cnZxKzAGwd7v36APp7Pv6Q2jdsP
BRrwWEBnez6d0UDKDwGbc6nxfEXAy5mbhgajzrw3MOEt8uA5txSKobBpKDeBLOsd
JKFqMGmXCQvEG7YemcxDTRPxAleIAgYYRjTSd/QBwVW9OwNFhekro3RtlinV0a75
jfZgkne/YiktSvLG34lw2zqXBDTC5NHROUqGTlML4PlNZS5Ri2U4aCNx2rUPRcKI
lE0PuKxI4T+HIaFpv8+rdV6eUgOrB2xeI1dSFFn/nnv5OoZJEIB+VmuKn3DCUcCZ
SFlQPSXSfBDiUGhwOw76WuSSsf1D4b/vLoJ10wIDAQABAoIBAG/JZuSWdoVHbi56
vjgCgkjg3lkO1KrO3nrdm6nrgA9P9qaPjxuKoWaKO1cBQlE1pSWp/cKncYgD5WxE
CpAnRUXG2pG4zdkzCYzAh1i+c34L6oZoHsirK6oNcEnHveydfzJL5934egm6p8DW
+m1RQ70yUt4uRc0YSor+q1LGJvGQHReF0WmJBZHrhz5e63Pq7lE0gIwuBqL8SMaA
yRXtK+JGxZpImTq+NHvEWWCu09SCq0r838ceQI55SvzmTkwqtC+8AT2zFviMZkKR
Qo6SPsrqItxZWRty2izawTF0Bf5S2VAx7O+6t3wBsQ1sLptoSgX3QblELY5asI0J
YFz7LJECgYkAsqeUJmqXE3LP8tYoIjMIAKiTm9o6psPlc8CrLI9CH0UbuaA2JCOM
cCNq8SyYbTqgnWlB9ZfcAm/cFpA8tYci9m5vYK8HNxQr+8FS3Qo8N9RJ8d0U5Csw
DzMYfRghAfUGwmlWj5hp1pQzAuhwbOXFtxKHVsMPhz1IBtF9Y8jvgqgYHLbmyiu1
mwJ5AL0pYF0G7x81prlARURwHo0Yf52kEw1dxpx+JXER7hQRWQki5/NsUEtv+8RT
qn2m6qte5DXLyn83b1qRscSdnCCwKtKWUug5q2ZbwVOCJCtmRwmnP131lWRYfj67
B/xJ1ZA6X3GEf4sNReNAtaucPEelgR2nsN0gKQKBiGoqHWbK1qYvBxX2X3kbPDkv
9C+celgZd2PW7aGYLCHq7nPbmfDV0yHcWjOhXZ8jRMjmANVR/eLQ2EfsRLdW69bn
f3ZD7JS1fwGnO3exGmHO3HZG+6AvberKYVYNHahNFEw5TsAcQWDLRpkGybBcxqZo
81YCqlqidwfeO5YtlO7etx1xLyqa2NsCeG9A86UjG+aeNnXEIDk1PDK+EuiThIUa
/2IxKzJKWl1BKr2d4xAfR0ZnEYuRrbeDQYgTImOlfW6/GuYIxKYgEKCFHFqJATAG
IxHrq1PDOiSwXd2GmVVYyEmhZnbcp8CxaEMQoevxAta0ssMK3w6UsDtvUvYvF22m
qQKBiD5GwESzsFPy3Ga0MvZpn3D6EJQLgsnrtUPZx+z2Ep2x0xc5orneB5fGyF1P
WtP+fG5Q6Dpdz3LRfm+KwBCWFKQjg7uTxcjerhBWEYPmEMKYwTJF5PBG9/ddvHLQ
EQeNC8fHGg4UXU8mhHnSBt3EA10qQJfRDs15M38eG2cYwB1PZpDHScDnDA0=
-----END RSA PRIVATE KEY-----`;

/** The RSA key of §B.1.2, as a public key alone. */
const rsaPssPublicKey = `-----BEGIN PUBLIC KEY-----
MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAr4tmm3r20Wd/PbqvP1s2
+QEtvpuRaV8Yq40gjUR8y2Rjxa6dpG2GXHbPfvMs8ct+Lh1GH45x28Rw3Ry53mm+
oAXjyQ86OnDkZ5N8lYbggD4O3w6M6pAvLkhk95AndTrifbIFPNU8PPMO7OyrFAHq
gDsznjPFmTOtCEcN2Z1FpWgchwuYLPL+Wokqltd11nqqzi+bJ9cvSKADYdUAAN5W
Utzdpiy6LbTgSxP7ociU4Tn0g5I6aDZJ7A8Lzo0KSyZYoA485mqcO0GVAdVw9lq4
aOT9v6d+nb4bnNkQVklLQ3fVAvJm+xdDOp9LCNCN48V2pnDOkFV6+U9nV5oyc6XI
2wIDAQAB
-----END PUBLIC KEY-----`;

/** The P-256 key of §B.1.3, as a public key alone. */
const eccPublicKey = `-----BEGIN PUBLIC KEY-----
MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEqIVYZVLCrPZHGHjP17CTW0/+D9Lf
w0EkjqF7xB4FivAxzic30tMM4GF+hR6Dxh71Z50VGGdldkkDXZCnTNnoXQ==
-----END PUBLIC KEY-----`;

/** The Ed25519 key of §B.1.4, with its private half. */
export const ed25519Key = {
  kty: "OKP",
  crv: "Ed25519",
  d: "n4Ni-HpISpVObnQMW0wOhCKROaIKqKtW_2ZYb2p9KcU",
  x: "JrQLj5P_89iXES9-vFgrIy29clF9CC_oPPsw3c5D0bs",
};

/** The secret of §B.1.5. */
export const sharedSecret: PublicJwk & { k: string } = {
  kty: "oct",
  k: "uzvJfB4u3N0Jy4T7NZ75MDVcr8zSTInedJtkgcu46YW4XByzNJjxBdtjUkdJPBtbmHhIDi6pcl8jsasjlTMtDQ",
};

/** The keys by their names, with what tells their algorithm where the key does not. */
export const keys: Readonly<Record<string, PublicJwk | string | { key: string; algorithm: string }>> = {
  "test-key-rsa": { key: rsaPrivateKey, algorithm: "rsa-v1_5-sha256" },
  "test-key-rsa-pss": { key: rsaPssPublicKey, algorithm: "rsa-pss-sha512" },
  "test-key-ecc-p256": eccPublicKey,
  "test-key-ed25519": ed25519Key,
  "test-shared-secret": sharedSecret,
};

const requestDigest =
  "sha-512=:WZDPaVn/7XgHaAy8pmojAkGWoRx2UFChF41A2svX+TaPm+AbwAgBWnrIiYllu7BNNyealdVLvRwEmTHWXvJwew==:";
const responseDigest =
  "sha-512=:mEWXIS7MaLRuGgxOBdODa3xqM1XdEvxoYhvlCFJ41QJgJc4GTsPp29l5oGX69wWdXymyU0rjJuahq4l5aGgfLQ==:";

/** The content of the request of §B.2. */
export const requestContent = `{"hello": "world"}`;

type Fields = readonly (readonly [name: string, value: string])[];

/** The request of §B.2, with more fields. */
export function testRequest(...more: Fields): SignableRequest {
  return {
    method: "POST",
    url: "https://example.com/foo?param=Value&Pet=dog",
    headers: [
      ["Host", "example.com"],
      ["Date", "Tue, 20 Apr 2021 02:07:55 GMT"],
      ["Content-Type", "application/json"],
      ["Content-Digest", requestDigest],
      ["Content-Length", "18"],
      ...more,
    ],
  };
}

/** The response of §B.2, with more fields. */
export function testResponse(...more: Fields): SignableResponse {
  return {
    status: 200,
    headers: [
      ["Date", "Tue, 20 Apr 2021 02:07:56 GMT"],
      ["Content-Type", "application/json"],
      ["Content-Digest", responseDigest],
      ["Content-Length", "23"],
      ...more,
    ],
  };
}

/** The content of the response of §B.2. */
export const responseContent = `{"message": "good dog"}`;

/** The request a proxy that ends TLS sends on (§B.3). */
export const proxiedRequest: SignableRequest = {
  method: "POST",
  url: "https://service.internal.example/foo?param=Value&Pet=dog",
  headers: [
    ["Date", "Tue, 20 Apr 2021 02:07:55 GMT"],
    ["Content-Type", "application/json"],
    ["Content-Length", "18"],
    [
      "Client-Cert",
      ":MIIBqDCCAU6gAwIBAgIBBzAKBggqhkjOPQQDAjA6MRswGQYDVQQKDBJMZXQncyBBdXRoZW50aWNhdGUxGzAZBgNVBAMMEkxBIEl" +
      "udGVybWVkaWF0ZSBDQTAeFw0yMDAxMTQyMjU1MzNaFw0yMTAxMjMyMjU1MzNaMA0xCzAJBgNVBAMMAkJDMFkwEwYHKoZIzj0CAQY" +
      "IKoZIzj0DAQcDQgAE8YnXXfaUgmnMtOXU/IncWalRhebrXmckC8vdgJ1p5Be5F/3YC8OthxM4+k1M6aEAEFcGzkJiNy6J84y7uzo" +
      "9M6NyMHAwCQYDVR0TBAIwADAfBgNVHSMEGDAWgBRm3WjLa38lbEYCuiCPct0ZaSED2DAOBgNVHQ8BAf8EBAMCBsAwEwYDVR0lBAw" +
      "wCgYIKwYBBQUHAwIwHQYDVR0RAQH/BBMwEYEPYmRjQGV4YW1wbGUuY29tMAoGCCqGSM49BAMCA0gAMEUCIBHda/r1vaL6G3VliL4" +
      "/Di6YK0Q6bMjeSkC3dFCOOB8TAiEAx/kHSB4urmiZ0NX5r5XarmPk0wmuydBVoU4hBVZ1yhk=:",
    ],
  ],
};

/** A request that is transformed on its way (§B.4). */
export function transformedRequest(
  method = "GET",
  url = "https://example.org/demo?name1=Value1&Name2=value2",
  fields: Fields = [["Accept", "application/json"], ["Accept", "*/*"]],
): SignableRequest {
  return { method, url, headers: fields };
}

/** The request of §4.3 as it leaves the proxy that signs it, too. */
export const forwardedRequest: SignableRequest = {
  method: "POST",
  url: "https://origin.host.internal.example/foo?param=Value&Pet=dog",
  headers: [
    ["Host", "origin.host.internal.example"],
    ["Date", "Tue, 20 Apr 2021 02:07:56 GMT"],
    ["Content-Type", "application/json"],
    ["Content-Length", "18"],
    ["Forwarded", "for=192.0.2.123;host=example.com;proto=https"],
    ["Content-Digest", requestDigest],
  ],
};

/** A signature that is printed: label, components, parameters in their order, signature. */
export interface PrintedSignature {
  readonly label: string;
  readonly components: readonly string[];
  readonly parameters: string;
  readonly signature: string;
}

const pss = `;created=1618884473;keyid="test-key-rsa-pss"`;
const ecc = `;created=1618884473;keyid="test-key-ecc-p256"`;
const ed = `;created=1618884473;keyid="test-key-ed25519"`;

/** The signatures, by where they are printed. */
export const printed = {
  b21: {
    label: "sig-b21",
    components: [],
    parameters: pss + `;nonce="b3k2pp5k7z-50gnwp.yemd"`,
    signature: "d2pmTvmbncD3xQm8E9ZV2828BjQWGgiwAaw5bAkgibUopemLJcWDy/lkbbHAve4cRAtx31Iq786U7it++wgGxbtRxf8Udx7zFZsc" +
      "kzXaJMkA7ChG52eSkFxykJeNqsrWH5S+oxNFlD4dzVuwe8DhTSja8xxbR/Z2cOGdCbzR72rgFWhzx2VjBqJzsPLMIQKhO4DGezXe" +
      "hhWwE56YCE+O6c0mKZsfxVrogUvA4HELjVKWmAvtl6UnCh8jYzuVG5WSb/QEVPnP5TmcAnLH1g+s++v6d4s8m0gCw1fV5/SITLq9" +
      "mhho8K3+7EPYTU8IU1bLhdxO5Nyt8C8ssinQ98Xw9Q==",
  },
  b22: {
    label: "sig-b22",
    components: ["@authority", "content-digest", '@query-param;name="Pet"'],
    parameters: pss + `;tag="header-example"`,
    signature: "LjbtqUbfmvjj5C5kr1Ugj4PmLYvx9wVjZvD9GsTT4F7GrcQEdJzgI9qHxICagShLRiLMlAJjtq6N4CDfKtjvuJyE5qH7KT8UCMkS" +
      "owOB4+ECxCmT8rtAmj/0PIXxi0A0nxKyB09RNrCQibbUjsLS/2YyFYXEu4TRJQzRw1rLEuEfY17SARYhpTlaqwZVtR8NV7+4UKkj" +
      "qpcAoFqWFQh62s7Cl+H2fjBSpqfZUJcsIk4N6wiKYd4je2U/lankenQ99PZfB4jY3I5rSV2DSBVkSFsURIjYErOs0tFTQosMTAox" +
      "k//0RoKUqiYY8Bh0aaUEb0rQl3/XaVe4bXTugEjHSw==",
  },
  b23: {
    label: "sig-b23",
    components: [
      "date",
      "@method",
      "@path",
      "@query",
      "@authority",
      "content-type",
      "content-digest",
      "content-length",
    ],
    parameters: pss,
    signature: "bbN8oArOxYoyylQQUU6QYwrTuaxLwjAC9fbY2F6SVWvh0yBiMIRGOnMYwZ/5MR6fb0Kh1rIRASVxFkeGt683+qRpRRU5p2voTp76" +
      "8ZrCUb38K0fUxN0O0iC59DzYx8DFll5GmydPxSmme9v6ULbMFkl+V5B1TP/yPViV7KsLNmvKiLJH1pFkh/aYA2HXXZzNBXmIkoQo" +
      "Ld7YfW91kE9o/CCoC1xMy7JA1ipwvKvfrs65ldmlu9bpG6A9BmzhuzF8Eim5f8ui9eH8LZH896+QIF61ka39VBrohr9iyMUJpvRX" +
      "2Zbhl5ZJzSRxpJyoEZAFL2FUo5fTIztsDZKEgM4cUA==",
  },
  b24: {
    label: "sig-b24",
    components: ["@status", "content-type", "content-digest", "content-length"],
    parameters: ecc,
    signature: "wNmSUAhwb5LxtOtOpNa6W5xj067m5hFrj0XQ4fvpaCLx0NKocgPquLgyahnzDnDAUy5eCdlYUEkLIj+32oiasw==",
  },
  b25: {
    label: "sig-b25",
    components: ["date", "@authority", "content-type"],
    parameters: `;created=1618884473;keyid="test-shared-secret"`,
    signature: "pxcQw6G3AjtMBQjwo8XzkZf/bws5LelbaMk5rGIGtE8=",
  },
  b26: {
    label: "sig-b26",
    components: ["date", "@method", "@path", "@authority", "content-type", "content-length"],
    parameters: ed,
    signature: "wqcAqbmYJ2ji2glfAMaRy4gruYYnx2nEFN2HN6jrnDnQCK1u02Gb04v9EDgwUPiu4A0w6vuQv5lIp5WPpBKRCw==",
  },
  ttrp: {
    label: "ttrp",
    components: ["@path", "@query", "@method", "@authority", "client-cert"],
    parameters: ecc,
    signature: "xVMHVpawaAC/0SbHrKRs9i8I3eOs5RtTMGCWXm/9nvZzoHsIg6Mce9315T6xoklyy0yzhD9ah4JHRwMLOgmizw==",
  },
  transform: {
    label: "transform",
    components: ["@method", "@path", "@authority", "accept"],
    parameters: ed,
    signature: "ZT1kooQsEHpZ0I1IjCqtQppOmIqlJPeo7DHR3SoMn0s5JZ1eRGS0A+vyYP9t/LXlh5QMFFQ6cpLt2m0pmj3NDA==",
  },
  client: {
    label: "sig1",
    components: ["@method", "@authority", "@path", "content-digest", "content-type", "content-length"],
    parameters: `;created=1618884475;keyid="test-key-ecc-p256"`,
    signature: "X5spyd6CFnAG5QnDyHfqoSNICd+BUP4LYMz2Q0JXlb//4Ijpzp+kve2w4NIyqeAuM7jTDX+sNalzA8ESSaHD3A==",
  },
  proxy: {
    label: "proxy_sig",
    components: ["@method", "@authority", "@path", "content-digest", "content-type", "content-length", "forwarded"],
    parameters: `;created=1618884480;keyid="test-key-rsa";alg="rsa-v1_5-sha256";expires=1618884540`,
    signature: "S6ZzPXSdAMOPjN/6KXfXWNO/f7V6cHm7BXYUh3YD/fRad4BCaRZxP+JH+8XY1I6+8Cy+CM5g92iHgxtRPz+MjniOaYmdkDcnL9cC" +
      "pXJleXsOckpURl49GwiyUpZ10KHgOEe11sx3G2gxI8S0jnxQB+Pu68U9vVcasqOWAEObtNKKZd8tSFu7LB5YAv0RAGhB8tmpv7sF" +
      "nIm9y+7X5kXQfi8NMaZaA8i2ZHwpBdg7a6CMfwnnrtflzvZdXAsD3LH2TwevU+/PBPv0B6NMNk93wUs/vfJvye+YuI87HU38lZHo" +
      "wtznbLVdp770I6VHR6WfgS9ddzirrswsE1w5o0LV/g==",
  },
} as const satisfies Readonly<Record<string, PrintedSignature>>;

/** The fields Signature-Input and Signature of a printed signature. */
export function fieldsOf({ components, label, parameters, signature }: PrintedSignature): Fields {
  const names = components.map((name) => name.includes(";") ? name.replace(/^[^;]+/, '"$&"') : `"${name}"`);
  return [
    ["Signature-Input", `${label}=(${names.join(" ")})${parameters}`],
    ["Signature", `${label}=:${signature}:`],
  ];
}
