-- wrk -s put.lua URL -- FILE DOCUMENTS: puts what is in FILE, as JSON, to so many documents in turn. URL is that of the
-- bucket; the documents are place-00000000 and on.
local documents, number = 1, 0

function init(arguments)
  wrk.body = assert(io.open(arguments[1])):read("*a")
  wrk.headers["Content-Type"] = "application/json"
  documents = tonumber(arguments[2])
end

function request()
  number = number + 1
  return wrk.format("PUT", string.format("%s/place-%08d", wrk.path, number % documents))
end
