-- What wrk sends: one whole request, out of the file that is named behind the URL.

-- There is no function `request` here, so that wrk asks for the bytes once, and sends those over and over.
function init(arguments)
    local file = assert(io.open(arguments[1], "rb"))
    local text = file:read("*a")
    file:close()
    function wrk.format()
        return text
    end
end
