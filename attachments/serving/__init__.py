"""How a file goes out: a signed link, every condition asked again when it is used, decrypted while it is sent.

links      what stands in a link, and its signature
ranges     which bytes a request asks for (RFC 9110, 14)
heads      the headers of the answer
uses       who uses which link now, and whether they still may
telling    what the audit log says of it
places     how many downloads there may be at once
delivery   the bytes, part by part, in memory that does not grow with the file
"""
