"""Which words make a tag a tag: the names of the HTML standard (html.spec.whatwg.org), in lower case.

Elements and attributes that the standard calls obsolete are among them, because browsers still obey them.
"""


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


ELEMENTS = _names(
    """
    a abbr address area article aside audio b base bdi bdo blockquote body br button canvas caption cite code col
    colgroup data datalist dd del details dfn dialog div dl dt em embed fieldset figcaption figure footer form h1 h2 h3
    h4 h5 h6 head header hgroup hr html i iframe img input ins kbd label legend li link main map mark math menu meta
    meter nav noscript object ol optgroup option output p picture pre progress q rp rt ruby s samp script search section
    select selectedcontent slot small source span strong style sub summary sup svg table tbody td template textarea
    tfoot th thead time title tr track u ul var video wbr

    acronym applet basefont bgsound big blink center dir font frame frameset image isindex keygen listing marquee
    menuitem multicol nextid nobr noembed noframes param plaintext rb rtc spacer strike tt xmp
    """
)

ATTRIBUTES = _names(
    """
    abbr accept accept-charset accesskey action allow allowfullscreen alpha alt as async autocapitalize autocomplete
    autocorrect autofocus autoplay blocking charset checked cite class closedby color colorspace cols colspan command
    commandfor content contenteditable controls coords crossorigin data datetime decoding default defer dir dirname
    disabled download draggable enctype enterkeyhint fetchpriority for form formaction formenctype formmethod
    formnovalidate formtarget headers headingoffset headingreset height hidden high href hreflang http-equiv id
    imagesizes imagesrcset inert inputmode integrity is ismap itemid itemprop itemref itemscope itemtype kind label lang
    list loading loop low max maxlength media method min minlength multiple muted name nomodule nonce novalidate open
    optimum pattern ping placeholder playsinline popover popovertarget popovertargetaction poster preload readonly
    referrerpolicy rel required reversed role rows rowspan sandbox scope selected shadowrootclonable
    shadowrootcustomelementregistry shadowrootdelegatesfocus shadowrootmode shadowrootserializable shape size sizes slot
    span spellcheck src srcdoc srclang srcset start step style tabindex target title translate type usemap value width
    wrap writingsuggestions

    align alink allowtransparency archive axis background behavior bgcolor border bordercolor bottommargin cellpadding
    cellspacing challenge char charoff classid clear code codebase codetype compact contextmenu datafld dataformatas
    datapagesize datasrc declare direction dropzone event face frame frameborder framespacing hspace icon keyparams
    keytype language leftmargin link longdesc lowsrc manifest marginheight marginwidth methods nohref noresize noshade
    nowrap object profile prompt radiogroup rev rightmargin rules scheme scrollamount scrolldelay scrolling standby
    summary text topmargin truespeed typemustmatch urn valign valuetype version vlink vspace

    xmlns xmlns:xlink xml:lang xml:space xlink:actuate xlink:arcrole xlink:href xlink:role xlink:show xlink:title
    xlink:type

    attributename attributetype basefrequency baseprofile calcmode clippathunits diffuseconstant edgemode filterunits
    glyphref gradienttransform gradientunits kernelmatrix kernelunitlength keypoints keysplines keytimes lengthadjust
    limitingconeangle markerheight markerunits markerwidth maskcontentunits maskunits numoctaves pathlength
    patterncontentunits patterntransform patternunits pointsatx pointsaty pointsatz preservealpha preserveaspectratio
    primitiveunits refx refy repeatcount repeatdur requiredextensions requiredfeatures specularconstant specularexponent
    spreadmethod startoffset stddeviation stitchtiles surfacescale systemlanguage tablevalues targetx targety textlength
    viewbox viewtarget xchannelselector ychannelselector zoomandpan definitionurl
    """
)

ACTIVE = _names("embed iframe img script svg")
"""Elements that load or run something by being there. Only those whose names nobody writes for anything else: `body`,
`base`, `input`, `object` and `source` are words of clinical text."""

_OPEN_ENDED = ("data-", "aria-", "on")


def is_element(name: str) -> bool:
    return name.lower() in ELEMENTS


def is_active(name: str) -> bool:
    return name.lower() in ACTIVE


def is_attribute(name: str) -> bool:
    """Whether `name` is an attribute of the standard, or one of `data-*`, `aria-*` and the event handlers `on*`."""
    lower = name.lower()
    return lower in ATTRIBUTES or any(lower.startswith(prefix) and lower != prefix for prefix in _OPEN_ENDED)
