-- wrk -s post.lua URL -- FILE: posts what is in FILE, as JSON.
function init(arguments)
  wrk.method = "POST"
  wrk.body = assert(io.open(arguments[1])):read("*a")
  wrk.headers["Content-Type"] = "application/json"
end
